"""What a replay plays one after the other: windows of the log, and tapes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from infra.log import reading
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.errors import Undecodable
from infra.log.reading import Message
from infra.log.registry import Registry
from infra.replay.cue import Cue
from infra.replay.event_time import EventTimes
from infra.replay.feed import Feed, Sieve
from infra.replay.kept import parts_of
from infra.replay.recording import SortBy
from infra.replay.tape import Tape, TapeFeed
from infra.windows import Window

Part = Window | Tape
AnyFeed = Feed | TapeFeed


@dataclass(frozen=True, slots=True)
class Opener:
    """Opens parts of a log, windows with `feed`; the `sieve` says what goes on of a window."""

    cluster: Cluster
    times: EventTimes
    stopped: Callable[[], bool]
    sieve: Sieve | None = None
    feed: Callable[..., Feed] = Feed

    def open(self, part: Part, since: Cue | None = None, end: Cue | None = None) -> AnyFeed:
        """Return the messages of a part from one place in its order to before another."""
        if isinstance(part, Tape):
            return part.feed(since, end)
        return self.feed(
            self.cluster, part, self.times, self.stopped, sieve=self.sieve, since=since, end=end
        )

    def last_time(self, part: Part) -> int:
        """Return about when the last record of a part happened (µs UTC), for a look ahead."""
        if isinstance(part, Tape):
            return part.last_time if len(part) else 0
        lasts = {place: [(spans[-1][1] - 1, spans[-1][1])] for place, spans in part.ranges.items()}
        found = [
            self.times.of(message)
            for batch in reading.messages(self.cluster, lasts)
            for message in batch
        ]
        last = max(found, default=0)
        return last if part.end is None else min(last, part.end)

    def sorted(self, window: Window, registry: Registry, sort: SortBy) -> Tape:
        """Return a window's messages on a tape, in the order of a time of each."""
        record = Decoder(registry).record

        def time_of(message: Message) -> int:
            otherwise = self.times.of(message)
            if sort is not SortBy.WIRE_TIME:
                return otherwise
            try:
                return sort.time_of(record(message).event, otherwise)
            except Undecodable:
                return otherwise

        partitions: dict[str, int] = {}
        for name, number in window.ranges:
            partitions[name] = max(partitions.get(name, 0), number + 1)
        tape = Tape(window.name, partitions, (window.start, window.end))
        with Feed(self.cluster, window, self.times, self.stopped, sieve=self.sieve) as feed:
            for _, message in feed.timed():
                tape.put(time_of(message), parts_of(message))
        tape.wind(f"{window.name} by {sort}")
        return tape


def topics_of(parts: Sequence[Part]) -> list[str]:
    """Return the full names of the topics of parts, sorted."""
    names: set[str] = set()
    for part in parts:
        names.update(part.partitions if isinstance(part, Tape) else (t for t, _ in part.ranges))
    return sorted(names)


def records_of(part: Part) -> int:
    """Return how many records are read of a part: those of other nights between count too."""
    if isinstance(part, Tape):
        return len(part)
    return sum(end - start for spans in part.ranges.values() for start, end in spans)
