"""Which part of the log is gone through again, and what has to be read for it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from infra.log.reading import Place, Span
from infra.windows import NightIndex, Window, joined, time_said
from schemas import utc
from schemas.errors import EvctlError


class PartNotSaid(EvctlError):
    """Not exactly one kind of part was asked for."""

    exit_code = 2

    def __init__(self, nights: Sequence[str]) -> None:
        given = f"{' '.join(nights)} and times are given" if nights else "Nothing is given"
        super().__init__(
            f"{given}, and one kind is wanted: NIGHT… such as 2026-11-20, `all`, or --from TIME "
            "and --until TIME (one of the two will do)."
        )


@dataclass(frozen=True, slots=True)
class Part:
    """Windows of the log up to its `ends`; `nights` are those that they are, None for all of it.

    Without nights, only events are in common with the live tables, and no rows can be compared.
    """

    name: str
    windows: Sequence[Window]
    ends: Mapping[Place, Span]
    nights: Sequence[str | None]
    log_has: Sequence[str] = ()
    """The nights that there are."""

    @property
    def ranges(self) -> Mapping[Place, Sequence[Span]]:
        """The offsets that hold the part, rising."""
        found: dict[Place, list[Span]] = {}
        for window in self.windows:
            for place, spans in window.ranges.items():
                found.setdefault(place, []).extend(spans)
        return {place: joined(sorted(spans)) for place, spans in found.items()}

    @property
    def holds(self) -> Callable[[int], bool]:
        """Whether an event time (µs UTC) lies in it."""
        if len(self.windows) == 1:
            return self.windows[0].holds
        return lambda time: any(window.holds(time) for window in self.windows)


def part_of(index: NightIndex, words: Sequence[str], start: str | None, end: str | None) -> Part:
    """Return what is asked for by nights (or `all`), or by times.

    Raises `PartNotSaid`, `EmptyWindow`, `BackwardsWindow`, `NotANight`.
    """
    by_time = start is not None or end is not None
    if bool(words) == by_time:
        raise PartNotSaid(words)
    if by_time:
        window = _between(index, start, end)
        return Part(window.name, [window], index.ends, (), index.names())
    if list(words) == ["all"]:
        window = index.all()
        return Part(window.name, [window], index.ends, (None,))
    nights = sorted(set(words))
    windows = [index.night(night) for night in nights]
    return Part(", ".join(window.name for window in windows), windows, index.ends, nights)


def _between(index: NightIndex, start: str | None, end: str | None) -> Window:
    first = None if start is None else utc.parse(start)
    last = None if end is None else utc.parse(end)
    name = f"the time {time_said(first, last)}"
    return index.between(
        -(2**62) if first is None else first, 2**62 if last is None else last, name
    )
