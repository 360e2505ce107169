"""Which windows a replay is asked for: nights, event times, offsets, or all; of which topics."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from infra.indexing import night_index
from infra.log.cluster import Cluster
from infra.replay.choosing import Choice
from infra.settings import Settings
from infra.windows import BackwardsWindow, EmptyWindow, NightIndex, Window, offsets, time_said
from schemas import utc
from schemas.errors import EvctlError
from schemas.topics import OBSERVATORY

_EARLIEST, _LATEST = -(2**62), 2**62


class WindowNotSaid(EvctlError):
    """Not exactly one kind of window was asked for."""

    exit_code = 2

    def __init__(self, kinds: int) -> None:
        given = "No window is given" if not kinds else f"{kinds} kinds of window are given"
        super().__init__(
            f"{given}, and a replay takes one kind: a FILE, --night DATE (again for more nights), "
            "--from-offset N and --until-offset N (one of the two will do), --all, or only --from "
            "TIME and --until TIME, which also narrow a FILE, nights or all."
        )
        self.kinds = kinds


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked for; raises `WindowNotSaid` unless it is of exactly one kind.

    `files` is how many recordings are given. `start` and `end` are event times in µs UTC, `first`
    and `last` offsets of the observatory's topic; what begins is in, what ends is out.
    """

    nights: Sequence[str] = ()
    start: int | None = None
    end: int | None = None
    first: int | None = None
    last: int | None = None
    everything: bool = False
    files: int = 0
    choice: Choice = field(default_factory=Choice)

    def __post_init__(self) -> None:
        kinds = sum((bool(self.nights), self._by_offset, self.everything, bool(self.files)))
        by_time = (self.start, self.end) != (None, None)
        if kinds > 1 or (by_time and self._by_offset) or not (kinds or by_time):
            raise WindowNotSaid(kinds + (by_time and self._by_offset))
        if self.start is not None and self.end is not None and self.end < self.start:
            raise BackwardsWindow(utc.iso(self.start), utc.iso(self.end))

    @property
    def is_part(self) -> bool:
        """Whether it begins wherever was asked, and not where a night does, or the log."""
        return self.start is not None or self.first is not None

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
            return [self._chosen(offsets(cluster, OBSERVATORY, self.first, self.last), [])], tuple
        index = night_index(cluster, settings)
        found = [self._chosen(window, index.names()) for window in self._found_by(index)]
        return found, index.names

    def _found_by(self, index: NightIndex) -> Sequence[Window]:
        if self.nights:
            nights = [index.night(night) for night in sorted(set(self.nights))]
            return self._narrowed(nights, index)
        if self.everything:
            return self._narrowed([index.all()], index)
        start = _EARLIEST if self.start is None else self.start
        end = _LATEST if self.end is None else self.end
        window = index.between(start, end, f"the time {self._span()}")
        return [replace(window, start=self.start, end=self.end)]

    def _narrowed(self, windows: Sequence[Window], index: NightIndex) -> Sequence[Window]:
        """Return what lies between the given times, of those windows that have something there."""
        if (self.start, self.end) == (None, None):
            return windows
        found = []
        for window in windows:
            start = max((t for t in (window.start, self.start) if t is not None), default=None)
            end = min((t for t in (window.end, self.end) if t is not None), default=None)
            name = f"{window.name}, {self._span()}"
            if start is None or end is None or start < end:
                earlier = window.earlier if start is None else index.before(start).earlier
                found.append(replace(window, start=start, end=end, name=name, earlier=earlier))
        if not found:
            names = " and ".join(window.name for window in windows)
            raise EmptyWindow(f"{names}, {self._span()}", index.names())
        return found

    def _span(self) -> str:
        return time_said(self.start, self.end)

    def _chosen(self, window: Window, nights: Sequence[str]) -> Window:
        if not self.choice:
            return window
        ranges = {p: spans for p, spans in window.ranges.items() if self.choice.takes(p[0])}
        name = f"{window.name}, {self.choice}"
        if not ranges:
            raise EmptyWindow(name, nights)
        return replace(window, ranges=ranges, name=name)
