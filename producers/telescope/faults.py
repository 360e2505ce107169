"""What goes wrong on request: `setup:0.02`, `exposure:0.1`, `silent:03:10+120s`."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from schemas.errors import EvctlError
from schemas.utc import MICROS

STEPS = ("setup", "exposure")
"""Steps of a shot, which fail with a chance."""
SPELLS = ("silent", "guider", "clouds")
"""TCS says nothing, the guiders say nothing, clouds are above: from a time on, for so long."""

_DAY, _MINUTE = 86_400 * MICROS, 60 * MICROS
_SPELL = re.compile(r"(\d\d):([0-5]\d)\+(\d{1,6})([smh]?)", re.ASCII)
_UNITS = {"": MICROS, "s": MICROS, "m": _MINUTE, "h": 60 * _MINUTE}


class NotAFault(EvctlError):
    """The text names nothing that can go wrong."""

    exit_code = 2

    def __init__(self, text: str) -> None:
        super().__init__(
            f"{text!r} is no fault of a simulated telescope: those are setup:CHANCE and "
            "exposure:CHANCE with a chance from 0 to 1, and silent:, guider: or clouds:HH:MM+SPAN "
            "with a time (UTC) and a span such as 120s, 5m or 1h."
        )
        self.text = text


class Spell(NamedTuple):
    """A time of day and what is wrong from then on, µs; the first such time of the night."""

    kind: str
    time_of_day: int
    lasts: int

    def within(self, start: int) -> tuple[int, int]:
        """Return its first instant from `start` (µs UTC) on, and the first one after it."""
        begin = start + (self.time_of_day - start) % _DAY
        return begin, begin + self.lasts


class Faults(NamedTuple):
    """What goes wrong: chances of steps, and spells."""

    setup: float = 0.0
    exposure: float = 0.0
    spells: tuple[Spell, ...] = ()

    def of(self, kind: str, start: int) -> tuple[tuple[int, int], ...]:
        """Return the spans of a kind of spell in a night that begins at `start`."""
        return tuple(spell.within(start) for spell in self.spells if spell.kind == kind)


NONE = Faults()


def parse_faults(texts: Sequence[str]) -> Faults:
    """Return the faults that are asked for; raise `NotAFault`."""
    chances: dict[str, float] = {}
    spells: list[Spell] = []
    for text in texts:
        kind, _, rest = text.strip().partition(":")
        if kind in STEPS:
            chances[kind] = _chance(rest, text)
        elif kind in SPELLS:
            spells.append(_spell(kind, rest, text))
        else:
            raise NotAFault(text)
    return Faults(**chances, spells=tuple(spells))


def _chance(rest: str, text: str) -> float:
    try:
        chance = float(rest)
    except ValueError:
        raise NotAFault(text) from None
    if not 0 <= chance <= 1:
        raise NotAFault(text)
    return chance


def _spell(kind: str, rest: str, text: str) -> Spell:
    found = _SPELL.fullmatch(rest)
    if found is None or int(found[1]) > 23:
        raise NotAFault(text)
    time_of_day = (int(found[1]) * 60 + int(found[2])) * _MINUTE
    return Spell(kind, time_of_day, int(found[3]) * _UNITS[found[4]])
