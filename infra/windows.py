"""Which part of the log: a night, a span of event time, offsets, or all of it.

Nights interleave in one log (old recordings are imported, spools arrive late), so a window of time
is found by the night index: where each night's records lie. What the index's table does not cover
yet is read from the log's tail.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.errors import TopicMissing
from infra.log.reading import Place, Span
from infra.log.registry import Registry
from infra.replay.event_time import EventTimes
from schemas import utc
from schemas.errors import EvctlError
from schemas.events.services import ServiceTookOver
from schemas.nights import Nights, name_of
from schemas.record import AnyRecord
from schemas.topics import Topic

CHUNK_BITS = 16
"""The index keeps one range for each night and so many bits of offsets."""

_JOIN_GAP = 20_000
"""Ranges closer than so many records are read as one: a seek costs more than passing these over."""


_BEFORE_ALL = -(2**62)
"""An event time before all others, µs UTC."""


class EmptyWindow(EvctlError):
    """Nothing on the log lies in the window."""

    exit_code = 66

    def __init__(self, window: str, nights: Sequence[str], there: str = "nothing at all") -> None:
        there = _listed(nights) if nights else there
        super().__init__(f"Nothing on the log lies in {window}; the log has {there}.")
        self.window, self.nights = window, nights


class BackwardsWindow(EvctlError):
    """A window ends before it begins."""

    exit_code = 2

    def __init__(self, start: str, end: str) -> None:
        super().__init__(f"The window ends ({end}) before it begins ({start}): exchange them.")
        self.start, self.end = start, end


def _listed(nights: Sequence[str]) -> str:
    if len(nights) <= 3:
        return f"the night{'s' if len(nights) > 1 else ''} {', '.join(nights)}"
    return f"{len(nights)} nights from {nights[0]} to {nights[-1]}"


Ranges: TypeAlias = Mapping[Place, Sequence[Span]]
"""Offsets of partitions, disjoint and rising."""


def _nothing(_: int | None) -> Ranges:
    return {}


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the log, with fixed ends.

    `ranges` are the offsets to read; of what they hold, the records with `start` ≤ event time <
    `end` (µs UTC; `None`: no bound) are the window's. `earlier` tells the offsets where records
    from before the window stand, those from an event time on, or all (`None`); of what they hold,
    what happened before `start` is earlier.
    """

    ranges: Ranges
    start: int | None = None
    end: int | None = None
    name: str = "the whole log"
    earlier: Callable[[int | None], Ranges] = field(default=_nothing, compare=False)

    def holds(self, time: int) -> bool:
        """Whether an event time (µs UTC) lies in the window."""
        return (self.start is None or self.start <= time) and (self.end is None or time < self.end)

    def concerns(self, record: AnyRecord) -> bool:
        """Whether the window's rows can't be made without a record.

        It is the window's, or says that an instance was replaced, which does not count after it.
        """
        return self.holds(record.time) or isinstance(record.event, ServiceTookOver)


@dataclass(slots=True)
class NightIndex:
    """Where the records of each night lie, up to the log's end when it was read."""

    nights: Nights
    ends: Mapping[Place, Span]
    chunks: dict[tuple[int, Place, int], list[int]] = field(default_factory=dict)

    def add(self, night: int, place: Place, first: int, last: int) -> None:
        """Take note that a night has records from `first` to `last` in one chunk of offsets."""
        key = (night, place, first >> CHUNK_BITS)
        known = self.chunks.get(key)
        if known is None:
            self.chunks[key] = [first, last]
        else:
            known[0] = min(known[0], first)
            known[1] = max(known[1], last)

    def names(self) -> list[str]:
        """Return the nights that the log has records of, oldest first."""
        return [name_of(night) for night in sorted({key[0] for key in self.chunks})]

    def ranges(self, first: int, last: int) -> dict[Place, list[Span]]:
        """Return the offsets that hold the nights of numbers `first` to `last`, joined."""
        found: dict[Place, list[Span]] = {}
        for (number, place, _), (low, high) in self.chunks.items():
            if first <= number <= last:
                found.setdefault(place, []).append((low, high + 1))
        return {place: joined(sorted(spans)) for place, spans in found.items()}

    def night(self, name: str) -> Window:
        """Return the window of a night; raise `EmptyWindow` or `NotANight`."""
        start, end = self.nights.bounds(name)
        return self.between(start, end, f"the night {name}")

    def between(self, start: int, end: int, name: str | None = None) -> Window:
        """Return the window of the event times from `start` to before `end` (µs UTC)."""
        if end < start:
            raise BackwardsWindow(utc.iso(start), utc.iso(end))
        ranges = self.ranges(self.nights.number(start), self.nights.number(end - 1))
        name = name or f"{utc.iso(start)} to {utc.iso(end)}"
        if not ranges:
            raise EmptyWindow(name, self.names())
        return Window(ranges, start, end, name, self._before(self.nights.number(start - 1)))

    def _before(self, last: int) -> Callable[[int | None], Ranges]:
        """Return what tells where records of the nights up to `last` (a number) stand."""

        def earlier(since: int | None) -> Ranges:
            first = self.nights.number(_BEFORE_ALL if since is None else since)
            return self.ranges(first, last)

        return earlier

    def whole(self) -> Ranges:
        """Return the offsets of everything on the log."""
        return {place: [span] for place, span in self.ends.items() if span[0] < span[1]}

    def before(self, start: int) -> Window:
        """Return the empty window at an event time (µs UTC): what is earlier than that."""
        earlier = self._before(self.nights.number(start - 1))
        return Window({}, start, start, utc.iso(start), earlier)

    def all(self) -> Window:
        """Return the window of everything on the log."""
        if not (ranges := self.whole()):
            raise EmptyWindow("the whole log", [])
        return Window(ranges)


def time_said(start: int | None, end: int | None) -> str:
    """Return a span of event time (µs UTC) in words: `from … until …`."""
    words = [] if start is None else [f"from {utc.iso(start)}"]
    words += [] if end is None else [f"until {utc.iso(end)}"]
    return " ".join(words)


def joined(spans: Iterable[Span]) -> list[Span]:
    """Return spans, which are sorted, with those made one that lie close to each other."""
    found: list[Span] = []
    for first, end in spans:
        if found and first - found[-1][1] <= _JOIN_GAP:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((first, end))
    return found


def places_of(cluster: Cluster, wanted: Sequence[Topic]) -> list[Place]:
    """Return the partitions of those of the topics that the log has; `TopicMissing` if none."""
    there = set(topics.existing(cluster))
    names = [topic.full_name(cluster.namespace) for topic in wanted]
    found = [name for name in names if name in there]
    if not found:
        raise TopicMissing(names[0], cluster.servers)
    described = topics.describe(cluster, found)
    return [(name, n) for name in found for n in range(described[name].partitions)]


def united(*many: Ranges) -> dict[Place, list[Span]]:
    """Return the offsets that are in some of the ranges."""
    found: dict[Place, list[Span]] = {}
    for ranges in many:
        for place, spans in ranges.items():
            found.setdefault(place, []).extend(spans)
    return {place: joined(sorted(spans)) for place, spans in found.items()}


def offsets(cluster: Cluster, topic: Topic, start: int | None, end: int | None) -> Window:
    """Return the window of a topic's offsets from `start` to before `end`, as far as it goes.

    What stood at `start` may be gone by now: `infra.replay.holes` says so.
    """
    if start is not None and end is not None and end < start:
        raise BackwardsWindow(f"offset {start}", f"offset {end}")
    places = places_of(cluster, [topic])
    ranges: dict[Place, list[Span]] = {}
    before: dict[Place, list[Span]] = {}
    whole = reading.whole(cluster, places)
    for place, (low, high) in whole.items():
        first, last = low if start is None else start, high if end is None else min(high, end)
        if first < last:
            ranges[place], before[place] = [(first, last)], [(low, first)]
    name = f"offsets {start or 0} to {'the end' if end is None else end} of {topic.name}"
    if not ranges:
        there = [f"offsets {low} to {high - 1}" for low, high in whole.values() if low < high]
        raise EmptyWindow(name, (), " and ".join(there) or "nothing at all")
    return Window(ranges, name=name, earlier=lambda _: before)


def read_index(
    cluster: Cluster,
    nights: Nights,
    wanted: Sequence[Topic],
    *,
    indexed: Iterable[tuple[int, Place, int, int]] = (),
    covered: Mapping[Place, int] | None = None,
) -> NightIndex:
    """Return where the nights lie: the `indexed` rows (night, place, first, last), and the tail.

    `covered` says up to which offset the rows of a partition go. The tail is read by its Kafka
    timestamps, which tell the night, for its boundary is at a full hour; only the instants before
    1970, which share the first ms, are read from the events.
    """
    ends = reading.whole(cluster, places_of(cluster, wanted))
    index = NightIndex(nights, ends)
    for row in indexed:
        index.add(*row)
    tail = {}
    for place, (low, end) in ends.items():
        tail[place] = [(max(low, (covered or {}).get(place, 0)), end)]
    times: EventTimes | None = None
    for batch in reading.messages(cluster, tail):
        for message in batch:
            time = message.timestamp()[1] * 1000
            if time <= 1000:
                times = times or EventTimes(Registry(cluster).decoder)
                time = times.of(message)
            night, offset = nights.number(time), message.offset()
            index.add(night, (message.topic(), message.partition()), offset, offset)
    return index
