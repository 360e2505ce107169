"""What each publisher says, as a function of its number alone: so that it can be said again.

The telescope's time goes on by its own ticks, much faster than clocks. Its systems take turns to
speak and to fall silent; from time to time it speaks of days long past, so that notices about that
are too late.
"""

from dataclasses import dataclass

from schemas.events.tcs import TcsEvent, Value
from schemas.events.ticks import TimePassed
from schemas.utc import MICROS

TELESCOPE, PLAIN = "telescope", ("mount", "weather")
SOURCES = (TELESCOPE, *PLAIN)
LARGEST_BATCH = 40
"""Records that a publisher hands over before it waits for their acknowledgement, at most."""

_CYCLE = 8  # records of the telescope: one event, then ticks
_ERA = 50 * _CYCLE
_SYSTEMS = ("tcs", "dome", "pas")
_DAY = 86_400 * MICROS


@dataclass(frozen=True, slots=True)
class Script:
    """The campaign's script; `began` is the instant of the telescope's first record, µs UTC."""

    began: int

    def event(self, source: str, seq: int) -> TcsEvent | TimePassed:
        """Return what a source says under a number."""
        if source != TELESCOPE:  # of the future, so that these never count as silent
            return _event(self.began + 3650 * _DAY + seq * 1000, source, source, seq)
        era = seq // _ERA
        is_past = era % 4 == 3
        time = self.began + seq * MICROS - 100 * _DAY * is_past
        if seq % _CYCLE:
            return TimePassed(time)
        system = _SYSTEMS[seq // _CYCLE % len(_SYSTEMS)]
        return _event(time, f"past-{system}" if is_past else system, source, seq)


def batch_from(seq: int) -> int:
    """Return how many records are handed over together from this number on."""
    return 1 + seq * 7919 % LARGEST_BATCH


def _event(time: int, system: str, source: str, seq: int) -> TcsEvent:
    values: dict[str, Value] = {"n": seq, "x": seq * 0.25, "said": f"{source} {seq}"}
    return TcsEvent(time, time, system, source, "position", False, values, {})
