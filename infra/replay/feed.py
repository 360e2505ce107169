"""A window's messages, read ahead of the replay within bounds of memory."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from operator import gt
from time import monotonic
from types import TracebackType
from typing import Self

from infra.log.cluster import Cluster
from infra.log.reading import Message, Place, Span, SpanReader
from infra.replay.cue import Cue, cue_of
from infra.replay.event_time import EventTimes
from infra.replay.order import in_order
from infra.tailing.offsets import from_time
from infra.windows import Window

AHEAD_BYTES = 32 * 1024 * 1024
AHEAD_MESSAGES = 60_000
"""What is read ahead, in all: bytes of values, and messages. At most the client's queue comes on
top of it (`queued.max.messages.kbytes`)."""

_FETCHED, _LEAST_FETCH = 1024 * 1024, 64 * 1024
"""Bytes that the client fetches at once where partitions are merged: of all, and of each at least.
One that comes far ahead of the others is paused, and what was fetched of it is fetched again."""

BATCH = 5000
"""Messages handed on at once at full speed."""

SIP = 250
"""Messages read at once between two that are due: about 0.3 ms."""

GULP = 50
"""After so many messages without a moment to read ahead, as many are read all the same: the wait
for a partition that has run dry would make later ones late by tens of milliseconds."""

Sieve = Callable[[list[Message]], list[Message]]
"""Which of some messages go on, and as what."""


class _Buffer:
    """What was read of a partition and has not gone out; `bytes` counts the values."""

    __slots__ = ("bytes", "paused", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[tuple[int, Message]] = deque()
        self.bytes = 0
        self.paused = False


class Feed:
    """The messages of a window, from one place in its order to before another; close it when done.

    `stopped` is asked while the log is waited for: once true, the messages end. `sieve` says what
    goes on of what was read. `out_of_order` counts the messages given before one that comes
    earlier, `skipped` those that were read and are not wanted.
    """

    def __init__(
        self,
        cluster: Cluster,
        window: Window,
        times: EventTimes,
        stopped: Callable[[], bool],
        *,
        sieve: Sieve | None = None,
        since: Cue | None = None,
        end: Cue | None = None,
    ) -> None:
        ranges = window.ranges if since is None else _from(cluster, window.ranges, since.time)
        sips = max(_LEAST_FETCH, _FETCHED // len(ranges)) if len(ranges) > 1 else None
        own = {} if sips is None else {"fetch_message_max_bytes": sips}
        self._reader = SpanReader(cluster, ranges, **own)
        self._buffers = {place: _Buffer() for place in sorted(self._reader.left)}
        self._times, self._stopped = times, stopped
        self._cluster, self._thirsty = cluster, True
        self.out_of_order = self.skipped = self._wanted = self._given = 0
        bounded = window.start is not None or window.end is not None
        self._inside = times.within(window.start, window.end) if bounded else None
        self._sieve, self._since, self._end = sieve, since, end
        self._from_time = 0 if since is None else since.time
        self._early = set(self._buffers) if since is not None else set()
        self._at_once, self._is_merged = SIP, len(self._buffers) > 1
        self._since_read = 0
        self._order = in_order({place: self._partition(place) for place in self._buffers})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the log."""
        self._reader.close()

    @property
    def waiting(self) -> int:
        """How many messages were read and not handed on yet, where partitions are merged."""
        return sum(len(buffer.waiting) for buffer in self._buffers.values())

    def end_at(self, cue: Cue) -> None:
        """End before a place, if not earlier; what is asked for next ends there."""
        self._end = cue if self._end is None else min(cue, self._end)

    @property
    def missed(self) -> int:
        """How many wanted messages were read and not given; 0 at the end, or there is a bug."""
        return 0 if self._end is not None else self._wanted - self._given

    def batches(self) -> Iterator[list[Message]]:
        """Yield all messages in the one order, without their times: as fast as the log gives them.

        A single partition is in order as it stands, so nothing of it is decoded.
        """
        self._at_once = BATCH
        if self._is_merged or self._end is not None:
            messages = (message for _, message in self.timed(BATCH))
            while batch := list(islice(messages, BATCH)):
                yield batch
            return
        last = -1
        while batch := self._next_of_one():
            self._given += len(batch)
            offsets = [last, *(message.offset() for message in batch)]
            self.out_of_order += sum(map(gt, offsets, offsets[1:]))
            last = offsets[-1]
            yield batch

    def _next_of_one(self) -> list[Message]:
        """Return the next messages of the only partition; none at the end."""
        for buffer in self._buffers.values():
            if buffer.waiting:
                batch = [message for _, message in buffer.waiting]
                buffer.waiting.clear()
                buffer.bytes = 0
                return batch
        while self._reader.left and not self._stopped():
            if batch := self._taken(BATCH, 0.1):
                self._wanted += len(batch)
                return batch
        return []

    def timed(self, at_once: int = SIP) -> Iterator[tuple[int, Message]]:
        """Yield (merge time, message) in the one order, each partition read when its turn comes.

        Called again, it goes on where it was, as `batches` does.
        """
        self._at_once = at_once
        last, end = None, self._end
        for due in self._order:
            if self._since is not None and cue_of(*due) < self._since:
                self._given += 1
                continue
            self._since = None
            if end is not None and due[0] >= end.time and cue_of(*due) >= end:
                return
            if last is not None and due[0] < last:
                self.out_of_order += 1
            last = due[0]
            self._given += 1
            yield due
            self._since_read += 1
            if self._since_read == GULP:
                self.read_ahead(2 * GULP)

    def _partition(self, place: Place) -> Iterator[tuple[int, Message]]:
        buffer = self._buffers[place]
        waiting = buffer.waiting
        while True:
            while waiting:
                found = waiting.popleft()
                buffer.bytes -= len(found[1])
                yield found
            if place not in self._reader.left or self._stopped():
                return
            self._fill(place, buffer, self._at_once)

    def _fill(self, place: Place, buffer: _Buffer, at_once: int) -> None:
        """Read until a partition has something to give, or has been read to its end."""
        self._ask_anew()
        self._resume(place, buffer)
        while not buffer.waiting and place in self._reader.left and not self._stopped():
            self._store(self._taken(at_once, 0.1))
            self._pause_the_full(place)

    def read_ahead(self, most: int = SIP) -> bool:
        """Take in a few messages that have come already; false if nothing is to be had or wanted.

        Once there is enough, no more is read until half of it has gone out.
        """
        self._since_read = 0
        size, waiting = sum(buffer.bytes for buffer in self._buffers.values()), self.waiting
        fraction = max(waiting / AHEAD_MESSAGES, size / AHEAD_BYTES)
        was_thirsty, self._thirsty = self._thirsty, fraction < (1 if self._thirsty else 0.5)
        if not self._reader.left or not self._thirsty:
            return False
        if not was_thirsty:
            self._ask_anew()
        for place, buffer in self._buffers.items():
            if buffer.paused and not self._too_full(buffer, 2):
                self._resume(place, buffer)
        found = self._taken(min(most, AHEAD_MESSAGES - waiting), 0)
        self._store(found)
        return bool(found)

    def _ask_anew(self) -> None:
        """Count the log's silence from now: while nothing was asked of it, it could not answer."""
        if self._cluster.down_since is not None:
            self._cluster.down_since = monotonic()

    def _taken(self, most: int, timeout: float) -> list[Message]:
        found = wanted = self._reader.take(most, timeout)
        if self._inside is not None:
            wanted = [*filter(self._inside, wanted)]
        if self._sieve is not None:
            wanted = self._sieve(wanted)
        if self._early:
            wanted = self._late_enough(wanted)
        self.skipped += len(found) - len(wanted)
        return wanted

    def _late_enough(self, messages: list[Message]) -> list[Message]:
        """Return what comes from where it was to begin on, in each partition.

        That is behind the first record that happened then or later: what was logged late is in.
        """
        found = []
        for message in messages:
            place = (message.topic(), message.partition())
            if place in self._early:
                if self._times.of(message) < self._from_time:
                    continue
                self._early.discard(place)
            found.append(message)
        return found

    def _store(self, messages: list[Message]) -> None:
        of, buffers = self._times.of, self._buffers
        self._wanted += len(messages)
        for message in messages:
            buffer = buffers[message.topic(), message.partition()]
            buffer.waiting.append((of(message), message))
            buffer.bytes += len(message)

    def _too_full(self, buffer: _Buffer, times: int = 1) -> bool:
        """Whether a partition has taken its share of what is read ahead, or so many times less."""
        share = len(self._buffers) * times
        return len(buffer.waiting) * share > AHEAD_MESSAGES or buffer.bytes * share > AHEAD_BYTES

    def _pause_the_full(self, wanted: Place) -> None:
        """Read no more of the partitions that are far ahead of the one that all wait for."""
        for place, buffer in self._buffers.items():
            if buffer.paused or place == wanted or not self._too_full(buffer):
                continue
            if place in self._reader.left:
                self._reader.pause(place)
                buffer.paused = True

    def _resume(self, place: Place, buffer: _Buffer) -> None:
        if buffer.paused:
            if place in self._reader.left:
                self._reader.resume(place)
            buffer.paused = False


def _from(
    cluster: Cluster, ranges: Mapping[Place, Sequence[Span]], time: int
) -> dict[Place, list[Span]]:
    """Return ranges without what certainly comes before an event time (µs UTC).

    The log knows the first record of each partition with a timestamp that is not earlier; where
    that stands before the range, since another night does, all of the range may be needed.
    """
    held = {place: (spans[0][0], spans[-1][1]) for place, spans in ranges.items() if spans}
    firsts = from_time(cluster, held, time)
    return {
        place: [(max(start, firsts[place][0]), end) for start, end in ranges[place]]
        for place in held
    }
