"""What is to be replayed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

from infra.replay.feed import Feed
from infra.windows import Window
from schemas.events.replays import ServicesInvited


@dataclass(frozen=True, slots=True)
class Request:
    """Windows to be played one after the other, each from its first record on, and how.

    `speed` is event time per wall time, infinity for as fast as possible. `nights` returns those
    that the log has, for the sentence that a window is empty. `feed` makes what reads a window, and
    services that are `invited` are told so before the first record.
    """

    windows: Sequence[Window]
    speed: float
    replay: str
    nights: Callable[[], Sequence[str]] = tuple
    feed: Callable[..., Feed] = Feed
    invited: ServicesInvited | None = None

    @property
    def topics(self) -> Sequence[str]:
        """The full names of the topics in the windows, sorted."""
        return sorted({topic for window in self.windows for topic, _ in window.ranges})

    @property
    def records(self) -> int:
        """How many records are read: those of other nights that lie between count too."""
        spans = (spans for window in self.windows for spans in window.ranges.values())
        return sum(end - start for start, end in chain.from_iterable(spans))
