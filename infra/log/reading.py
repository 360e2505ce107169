"""Reading the log from fixed starts to fixed ends, without a group and without commits."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from time import monotonic, sleep
from typing import Any, Protocol, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from infra.log import codes
from infra.log.cluster import ANSWER_TIMEOUT_S, Cluster
from infra.log.errors import InstanceReplaced, LogAltered, LogDiverged, LogTruncated, LogUnavailable
from schemas.record import Position

_SPREAD_S = 5.0
"""How long the news of a topic may take to all nodes of a cluster."""

Place = tuple[str, int]
"""A topic's full name, and a partition of it."""

Span = tuple[int, int]
"""First offset, and the one after the last."""


class Message(Protocol):
    """A message as a consumer returns it: where it stands is always known."""

    def topic(self) -> str: ...
    def partition(self) -> int: ...
    def offset(self) -> int: ...
    def key(self) -> bytes | None: ...
    def value(self) -> bytes | None: ...
    def headers(self) -> Sequence[tuple[str, bytes]] | None: ...
    def timestamp(self) -> tuple[int, int]: ...
    def error(self) -> KafkaError | None: ...
    def __len__(self) -> int: ...  # of the value, in bytes


def consume(consumer: Consumer, most: int, timeout: float) -> list[Message]:
    """Return up to `most` messages: all that wait, or the first that comes within `timeout` s.

    librdkafka's own batch call waits for the whole batch or the whole time, whichever is shorter.
    """
    first = consumer.poll(timeout)
    if first is None:
        return []
    return cast("list[Message]", [first, *consumer.consume(most - 1, 0)])


def pass_over(error: KafkaError, position: Position, cluster: Cluster) -> None:
    """Pass over an error that mends itself.

    Raises `LogAltered`, `InstanceReplaced` or `LogUnavailable` for another.
    """
    code = error.code()
    if "group.instance.id" in error.str():  # the code only says that it is fatal
        raise InstanceReplaced
    if code in {codes.BAD_MESSAGE, KafkaError.INVALID_MSG}:  # found by the client, by the broker
        raise LogAltered(position, error.str())
    if code not in codes.AWAY and (error.fatal() or not error.retriable()):
        raise LogUnavailable(cluster.servers, error.str())


def span(consumer: Consumer, cluster: Cluster, place: Place) -> Span:
    """Return the partition's first offset, and the one that its next record will get.

    What was just made on a cluster is not known to all its nodes at once: that is waited for.
    A partition that nobody leads for so long (its node has just come back) is `LogUnavailable`.
    """
    partition, deadline = TopicPartition(*place), monotonic() + _SPREAD_S

    def ask() -> Span:
        answer = consumer.get_watermark_offsets(partition, timeout=ANSWER_TIMEOUT_S)
        if answer is None:  # not an exception, as its documentation has it
            raise KafkaException(KafkaError(codes.TIMED_OUT))
        return answer

    while True:
        try:
            low, end = cluster.ask(ask)
        except KafkaException as fault:
            error = fault.args[0]
            if error.code() not in codes.NOT_YET:
                raise
            if monotonic() > deadline:
                if error.code() in codes.LEADERLESS:
                    raise LogUnavailable(cluster.servers, error.str()) from fault
                raise
            sleep(_SPREAD_S / 50)
        else:
            return low, end


def whole(cluster: Cluster, places: Sequence[Place]) -> dict[Place, Span]:
    """Return what each partition holds now."""
    consumer = cluster.consumer()
    try:
        return {place: span(consumer, cluster, place) for place in places}
    finally:
        consumer.close()


def messages(
    cluster: Cluster, spans: Mapping[Place, Sequence[Span]], *, batch: int = 5000, **options: Any
) -> Iterator[list[Message]]:
    """Yield the messages of the spans in poll batches, each partition in order, then end.

    The spans of a partition are disjoint and rise. Partitions are read together, in no stated
    order among them. Raises `LogTruncated` where a span's start is gone, `LogDiverged` where the
    log stays shorter than a span, and `LogUnavailable` where it stops answering. `options` are
    the client's.
    """
    reader = SpanReader(cluster, spans, **options)
    try:
        while reader.left:
            got = reader.take(batch)
            if got:
                yield got
    finally:
        reader.close()


class SpanReader:
    """One consumer over several partitions, each with spans still to be read.

    `left` has the partitions that are not read to their end. A partition that is paused gives no
    more messages until it is resumed; so a reader that needs them in turn bounds its memory.
    """

    def __init__(
        self, cluster: Cluster, spans: Mapping[Place, Sequence[Span]], **options: Any
    ) -> None:
        self._cluster = cluster
        self.left = {
            place: deque(s for s in given if s[0] < s[1]) for place, given in spans.items()
        }
        self.left = {place: waiting for place, waiting in self.left.items() if waiting}
        self._too_short: dict[Place, tuple[int, float]] = {}
        self._consumer = cluster.consumer(enable_partition_eof=True, **options)
        if self.left:
            starts = [TopicPartition(*place, waiting[0][0]) for place, waiting in self.left.items()]
            self._consumer.assign(starts)

    def take(self, most: int, timeout: float = 0.1) -> list[Message]:
        """Return up to `most` messages of the spans; none if none comes within `timeout` s."""
        got = consume(self._consumer, most, timeout)
        self._cluster.check()
        kept = got if self._all_wanted(got) else self._sifted(got)
        if kept:
            self._cluster.answered()
        if self._too_short:
            self._require_more()
        return kept

    def _require_more(self) -> None:
        """Raise `LogDiverged` where the log has ended before a span for a while."""
        for place, (end, since) in self._too_short.items():
            if monotonic() - since > ANSWER_TIMEOUT_S:
                raise LogDiverged(Position(*place, end), "its end", "more")

    def _all_wanted(self, got: list[Message]) -> bool:
        """Whether these are records from within the only span left: at a third of the cost."""
        if len(self.left) != 1 or not got:
            return False
        ((start, end), *_) = next(iter(self.left.values()))
        if any(message.error() for message in got):
            return False
        return start <= got[0].offset() and got[-1].offset() < end - 1

    def _sifted(self, got: list[Message]) -> list[Message]:
        kept, moved = [], set()
        for message in got:
            place = (message.topic(), message.partition())
            if place in moved:
                continue  # fetched before the seek to the next span
            spans = len(self.left.get(place, ()))
            if self._wanted(message, place):
                kept.append(message)
            if len(self.left.get(place, ())) < spans:
                moved.add(place)
        return kept

    def _wanted(self, message: Message, place: Place) -> bool:
        error = message.error()
        if error is not None:
            self._on_error(error, place, message.offset())
            return False
        self._too_short.pop(place, None)
        waiting = self.left.get(place)
        if waiting is None:
            return False
        start, end = waiting[0]
        offset = message.offset()
        if offset >= end - 1:
            self._next_span(place)
        return start <= offset < end

    def _next_span(self, place: Place) -> None:
        waiting = self.left[place]
        waiting.popleft()
        if waiting:
            self._consumer.seek(TopicPartition(*place, waiting[0][0]))
        else:
            del self.left[place]

    def _on_error(self, error: KafkaError, place: Place, offset: int) -> None:
        code = error.code()
        if code == codes.PARTITION_EOF:
            # the end of a span may be compacted away, or be the marker of a transaction
            if place in self.left and offset >= self.left[place][0][1]:
                self._next_span(place)
            elif place in self.left:
                self._too_short[place] = offset, monotonic()
        elif code in {codes.AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}:
            start = self.left[place][0][0]
            low, end = span(self._consumer, self._cluster, place)
            if start > end:
                raise LogDiverged(Position(*place, end), "its end", "more")
            raise LogTruncated(Position(*place, start), low)
        else:
            pass_over(error, Position(*place, offset), self._cluster)

    def pause(self, place: Place) -> None:
        """Read no more of a partition for now; what was fetched of it is fetched again later."""
        self._consumer.pause([TopicPartition(*place)])

    def resume(self, place: Place) -> None:
        """Read a paused partition on from where it was."""
        self._consumer.resume([TopicPartition(*place)])

    def close(self) -> None:
        """Leave the log."""
        self._consumer.close()
