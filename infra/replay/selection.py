"""Which windows a replay is asked for: nights, event times, offsets, or all; of which topics."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from infra.indexing import night_index
from infra.log.cluster import Cluster
from infra.settings import Settings
from infra.windows import EmptyWindow, NightIndex, Window, offsets
from schemas import utc
from schemas.errors import EvctlError
from schemas.topics import OBSERVATORY, topic

_EARLIEST, _LATEST = -(2**62), 2**62


class WindowNotSaid(EvctlError):
    """Not exactly one kind of window was asked for."""

    exit_code = 2

    def __init__(self, kinds: int) -> None:
        given = "No window is given" if not kinds else f"{kinds} kinds of window are given"
        super().__init__(
            f"{given}, and a replay takes one kind: --night DATE (again for more nights), --from "
            "TIME and --until TIME, --from-offset N and --until-offset N (one of the two will do), "
            "or --all."
        )
        self.kinds = kinds


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked for; raises `WindowNotSaid` unless it is of exactly one kind.

    `start` and `end` are event times in µs UTC, `first` and `last` offsets of the observatory's
    topic; what begins is in, what ends is out. Of the topics, none means all that are recorded.
    """

    nights: Sequence[str] = ()
    start: int | None = None
    end: int | None = None
    first: int | None = None
    last: int | None = None
    everything: bool = False
    topics: Sequence[str] = ()

    def __post_init__(self) -> None:
        by_time = (self.start, self.end) != (None, None)
        kinds = sum((bool(self.nights), by_time, self._by_offset, self.everything))
        if kinds != 1:
            raise WindowNotSaid(kinds)
        for name in self.topics:
            topic(name)

    @property
    def is_part(self) -> bool:
        """Whether it begins wherever was asked, and not where a night does, or the log."""
        return not self.nights and not self.everything

    @property
    def _by_offset(self) -> bool:
        return (self.first, self.last) != (None, None)

    def windows(
        self, cluster: Cluster, settings: Settings
    ) -> tuple[list[Window], Callable[[], Sequence[str]]]:
        """Return the windows, several nights by date, and what tells the nights that the log has.

        Raises `EmptyWindow`, `BackwardsWindow`, `NotANight`.
        """
        if self._by_offset:
            return [offsets(cluster, OBSERVATORY, self.first, self.last)], tuple
        index = night_index(cluster, settings)
        found = [self._of_topics(window, cluster, index) for window in self._found_by(index)]
        return found, index.names

    def _found_by(self, index: NightIndex) -> list[Window]:
        if self.nights:
            return [index.night(night) for night in sorted(set(self.nights))]
        if self.everything:
            return [index.all()]
        start = _EARLIEST if self.start is None else self.start
        end = _LATEST if self.end is None else self.end
        return [index.between(start, end, self._name())]

    def _name(self) -> str:
        words = []
        if self.start is not None:
            words.append(f"from {utc.iso(self.start)}")
        if self.end is not None:
            words.append(f"until {utc.iso(self.end)}")
        return " ".join(words)

    def _of_topics(self, window: Window, cluster: Cluster, index: NightIndex) -> Window:
        if not self.topics:
            return window
        wanted = {topic(name).full_name(cluster.namespace) for name in self.topics}
        ranges = {place: spans for place, spans in window.ranges.items() if place[0] in wanted}
        name = f"{window.name}, only {', '.join(self.topics)}"
        if not ranges:
            raise EmptyWindow(name, index.names())
        return replace(window, ranges=ranges, name=name)
