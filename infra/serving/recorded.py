"""What a service's instances have put on the log, read beside its input to be adopted.

In each output partition the effects stand in the order of their causes, for one instance after
the other works through the input in order. So the two are merged as they are read, and no more
than the next effect of each partition is kept in memory.
"""

from collections.abc import Generator, Mapping, Sequence
from typing import NamedTuple

from infra.log import reading
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.reading import Message, Place, Span
from schemas.record import INDEX_BITS, AnyRecord, Provenance, to_headers
from schemas.repeats import epoch_line, is_news

_BATCH = 2_000
_INDEX = (1 << INDEX_BITS) - 1
_HEADERS = len(to_headers(Provenance("", 0, epoch=0)))
"""So many has an announcement; an effect has one more."""


class Effect(NamedTuple):
    """A recorded effect: the offset of its cause, and its place among the cause's effects."""

    cause: int
    number: int
    record: AnyRecord


def effect(record: AnyRecord) -> Effect:
    """Return what a decided record is the effect of."""
    seq = record.provenance.seq
    return Effect(seq >> INDEX_BITS, seq & _INDEX, record)


def provenance_of(source: str, epoch: int, cause: AnyRecord, number: int) -> Provenance:
    """Return what the headers of an effect say; `effect` reads it back."""
    seq = cause.position.offset << INDEX_BITS | number
    return Provenance(source, seq, cause=cause.id, epoch=epoch)


class Recorded:
    """The effects of one source in spans of its output partitions, taken cause by cause.

    `epoch` is that of the snapshot from which the spans begin: a lower one does not count.
    """

    def __init__(
        self,
        cluster: Cluster,
        decoder: Decoder,
        source: str,
        spans: Mapping[Place, Span],
        epoch: int,
    ) -> None:
        self._source, self._line = source, epoch_line(source)
        self._epoch, self._decoder = epoch, decoder
        self._streams = {p: self._effects(cluster, p, span) for p, span in spans.items()}
        self._heads = {place: next(stream, None) for place, stream in self._streams.items()}
        self._last: dict[Place, tuple[int, int]] = {}
        self._due = self._next_due()

    def _effects(self, cluster: Cluster, place: Place, span: Span) -> Generator[Effect]:
        high_waters = {self._line: self._epoch}
        ours = f"{self._source}:".encode(), f"{self._line}:".encode()
        for batch in reading.messages(cluster, {place: [span]}, batch=_BATCH):
            for message in batch:
                headers = message.headers()
                if headers is None or len(headers) < _HEADERS:
                    continue  # nearly every record
                if not _said_by(message).startswith(ours):
                    continue
                record = self._decoder.record(message)
                provenance = record.provenance
                if provenance.standing:
                    continue  # of another log's causes
                if not is_news(provenance, high_waters) or provenance.source != self._source:
                    continue
                if provenance.cause is not None:
                    yield effect(record)

    def take(self, offset: int) -> Sequence[Effect]:
        """Return the effects of the records up to `offset` that were not taken yet."""
        if offset < self._due:
            return ()
        taken = []
        for place, stream in self._streams.items():
            head = self._heads[place]
            while head is not None and head.cause <= offset:
                taken.append(head)
                self._last[place] = head.cause, head.number
                head = next(stream, None)
            self._heads[place] = head
        self._due = self._next_due()
        return sorted(taken, key=lambda found: found[:2])

    def _next_due(self) -> int:
        """Return the lowest cause of the next effects; without any, one beyond all offsets."""
        return min((head.cause for head in self._heads.values() if head), default=1 << 63)

    def lacks(self, place: Place, cause: int, index: int) -> bool:
        """Whether an effect of the record just taken is not in the partition, nor any later one."""
        if place not in self._heads:
            return True
        return self._heads[place] is None and self._last.get(place, (-1, -1)) < (cause, index)

    def close(self) -> None:
        """Leave the log; nothing is left to be taken."""
        for stream in self._streams.values():
            stream.close()
        self._heads = dict.fromkeys(self._heads)
        self._due = self._next_due()


def highest_epoch(
    cluster: Cluster, source: str, places: Sequence[Place], starts: Mapping[Place, int]
) -> int:
    """Return the epoch of the newest take-over on the log from these offsets on, 0 if none is.

    A partition that has no start is read from its beginning.
    """
    line, highest = f"{epoch_line(source)}:".encode(), 0
    spans = {
        place: [(max(low, starts.get(place, 0)), end)]
        for place, (low, end) in reading.whole(cluster, places).items()
    }
    for batch in reading.messages(cluster, spans, batch=_BATCH):
        for message in batch:
            said = _said_by(message)
            if said.startswith(line):
                highest = max(highest, int(said[len(line) :]))
    return highest


def _said_by(message: Message) -> bytes:
    """Return the header with source and seq; a foreign record has none, or one without a value."""
    return dict(message.headers() or ()).get("src") or b""
