"""Where the telescope points: parked between shots, slewing to one, tracking it."""

from typing import NamedTuple

from producers.telescope import sky
from schemas.events.shots import ShotOrder
from schemas.events.tcs import Value
from schemas.utc import MICROS

_FIRST_AZIMUTH = 68.0
_SLEW = 0.5
"""Of the structure, degrees/s."""


class _Slew(NamedTuple):
    """A turn of the structure: from when on and where, to where."""

    since: int
    begin: float
    end: float


class Pointing:
    """The structure and the tracker, told of each shot."""

    def __init__(self) -> None:
        self._slew = _Slew(0, _FIRST_AZIMUTH, _FIRST_AZIMUTH)
        self._target: ShotOrder | None = None

    def turn(self, time: int, azimuth: float) -> None:
        """Begin to turn the structure, which leaves what it tracked."""
        self._slew = _Slew(time, self.azimuth(time), azimuth)
        self._target = None

    def track(self, order: ShotOrder) -> None:
        """Track a shot."""
        self._target = order

    def park(self, order: ShotOrder) -> None:
        """Leave a shot that is over, and stay where it is."""
        if self._target == order:
            self._target = None

    def azimuth(self, time: int) -> float:
        """Return the structure's azimuth at an instant (µs UTC), in degrees."""
        since, begin, end = self._slew
        way = (end - begin + 180) % 360 - 180
        gone = _SLEW * (time - since) / MICROS
        return end if gone >= abs(way) else (begin + (gone if way > 0 else -gone)) % 360

    def values(self, time: int) -> dict[str, Value]:
        """Return what TCS says of it."""
        azimuth, sidereal = self.azimuth(time), sky.sidereal_time(time)
        if self._target is None:
            hour_angle, dec = sky.parked_at(azimuth)
            ra = (sidereal - hour_angle) % 24
        else:
            ra, dec = self._target.ra, self._target.dec
            hour_angle = sky.hours_apart(sidereal - ra)
        return {
            "ra": round(ra, 8),
            "dec": round(dec, 7),
            "azimuth": round(azimuth, 6),
            "hour_angle": round(hour_angle, 8),
        }
