"""What is to be replayed, and how."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from infra.replay.cue import Cue
from infra.replay.feed import Feed, Sieve
from infra.replay.holes import Hole
from infra.replay.parts import Part, records_of, topics_of
from schemas.events.replays import ServicesInvited


@dataclass(frozen=True, slots=True)
class Request:
    """Parts to be played one after the other, each from its first record on, and how.

    `speed` is event time per wall time, infinity for as fast as possible. `nights` returns those
    that the log has, for the sentence that a window is empty. `feed` makes what reads a window, and
    `sieve` says what goes on of it. It begins at `begin` in the first
    part and ends before `end` in the last; of each, `duration` µs are played. Gaps count as
    `longest_gap` µs at most. It waits `timeout` s for the `listeners`. `names` are other names of
    Kafka topics, without namespace. What holds where it begins is sent first if `state` says so;
    if it says nothing, after a seek only. Services that are `invited` are told so before the first
    record.
    """

    windows: Sequence[Part]
    speed: float
    replay: str
    nights: Callable[[], Sequence[str]] = tuple
    sieve: Sieve | None = None
    feed: Callable[..., Feed] = Feed
    begin: Cue | None = None
    end: Cue | None = None
    duration: int | None = None
    longest_gap: int | None = None
    loop: bool = False
    paused: bool = False
    listeners: Sequence[str] = ()
    timeout: float = 10.0
    names: Mapping[str, str] = field(default_factory=dict)
    holes: Sequence[Hole] = ()
    state: bool | None = None
    invited: ServicesInvited | None = None

    @property
    def topics(self) -> Sequence[str]:
        """The full names of the topics in the parts, sorted."""
        return topics_of(self.windows)

    @property
    def records(self) -> int:
        """How many records are read: those of other nights that lie between count too."""
        return sum(map(records_of, self.windows))
