"""Tells people on duty of each gust of wind that is stronger than all before it that night."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from consumers import Service
from schemas.events.notices import NoticeRequested
from schemas.events.tcs import TcsEvent
from schemas.record import AnyRecord
from schemas.topics import OBSERVATORY

_VALID = 600_000_000  # µs
_STRONG = 5.0  # m/s


@dataclass(frozen=True, slots=True)
class Wind:
    """The strongest gust so far, m/s."""

    strongest: float


def service() -> Service[Wind]:
    """Return the service `gusts`."""
    reads = writes = (OBSERVATORY.name,)
    return Service("gusts", 1, reads, writes, Wind(_STRONG), decide, evolve)


def decide(state: Wind, record: AnyRecord) -> Sequence[Any]:
    """Ask for a notice when the wind is stronger than ever."""
    speed = _wind(record)
    if speed is None or speed <= state.strongest:
        return []
    text = f"The wind blows at {speed:.1f} m/s."
    return [NoticeRequested(record.time, "Gust of wind", text, record.time + _VALID)]


def evolve(state: Wind, record: AnyRecord) -> Wind:
    """Remember the strongest gust."""
    speed = _wind(record)
    return state if speed is None else Wind(max(state.strongest, speed))


def _wind(record: AnyRecord) -> float | None:
    event = record.event
    speed = event.values.get("wind_speed") if isinstance(event, TcsEvent) else None
    return speed if isinstance(speed, float) else None
