"""What the log has lost of a window: offsets of it that retention, or somebody, has deleted."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from infra.log import reading
from infra.log.cluster import Cluster
from infra.log.reading import Place, Span
from infra.windows import EmptyWindow, Window
from schemas.errors import EvctlError


class Hole(NamedTuple):
    """Offsets that are gone, from `first` to before `end`."""

    place: Place
    first: int
    end: int

    def __str__(self) -> str:
        """Return how messages name it: `alerts[2]@0 to 99`."""
        last = f" to {self.end - 1}" if self.end - self.first > 1 else ""
        return f"{self.place[0]}[{self.place[1]}]@{self.first}{last}"


class WindowHasHoles(EvctlError):
    """Records of a window are gone from the log."""

    exit_code = 65

    def __init__(self, window: str, holes: Sequence[Hole]) -> None:
        super().__init__(
            f"Of {window} the log has lost {', '.join(map(str, holes))} (retention, or somebody "
            "deleted records): restore them from an archive, or take what is left with "
            "--allow-holes."
        )
        self.window, self.holes = window, holes


def require_whole(
    cluster: Cluster, windows: Sequence[Window], *, allow: bool
) -> tuple[list[Window], list[Hole]]:
    """Return the windows without what is gone, and what that is.

    Raises `WindowHasHoles` unless holes are allowed, and `EmptyWindow` where nothing is left.
    """
    places = sorted({place for window in windows for place in window.ranges})
    held = reading.whole(cluster, places)
    holes: list[Hole] = []
    left: list[Window] = []
    for window in windows:
        found = [hole for place in window.ranges for hole in _lost(window, place, held)]
        if found and not allow:
            raise WindowHasHoles(window.name, found)
        holes += found
        left.append(_without(window, held) if found else window)
    return left, holes


def _lost(window: Window, place: Place, held: Mapping[Place, Span]) -> list[Hole]:
    low = held[place][0]
    return [Hole(place, start, min(end, low)) for start, end in window.ranges[place] if start < low]


def _without(window: Window, held: Mapping[Place, Span]) -> Window:
    ranges: dict[Place, list[Span]] = {}
    for place, spans in window.ranges.items():
        low = held[place][0]
        kept = [(max(start, low), end) for start, end in spans if end > low]
        if kept:
            ranges[place] = kept
    if not ranges:
        raise EmptyWindow(window.name, (), "nothing of it any more")
    return replace(window, ranges=ranges)
