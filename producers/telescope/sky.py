"""Where the sky and the structure stand at the telescope: good to a hundredth of a degree."""

from collections.abc import Callable
from math import asin, atan2, cos, degrees, radians, sin

from schemas.utc import MICROS, julian_date

LATITUDE, LONGITUDE = 30.681436, -104.014742
"""HET's, degrees north and east (hetlib)."""
ALTITUDE = 55.055223
"""Of the structure, which it can't change, degrees (hetlib)."""
NIGHT = -18.0
"""Altitude of the sun below which it is night, degrees."""

_J2000 = 2451545.0
_HOUR = 3600 * MICROS
_SECOND = MICROS


def sidereal_time(time: int) -> float:
    """Return the local mean sidereal time at an instant (µs UTC), in hours."""
    days = julian_date(time) - _J2000
    return (18.697374558 + 24.06570982441908 * days + LONGITUDE / 15) % 24  # USNO's formula


def sun_altitude(time: int) -> float:
    """Return the altitude of the sun at an instant (µs UTC), in degrees, without refraction."""
    days = julian_date(time) - _J2000  # Astronomical Almanac, section C: to 0.01 degrees
    anomaly = radians(357.528 + 0.9856003 * days)
    longitude = radians(
        280.460 + 0.9856474 * days + 1.915 * sin(anomaly) + 0.020 * sin(2 * anomaly)
    )
    tilt = radians(23.439 - 0.0000004 * days)
    ascension = atan2(cos(tilt) * sin(longitude), cos(longitude))
    declination = asin(sin(tilt) * sin(longitude))
    hour_angle = radians(sidereal_time(time) * 15) - ascension
    latitude = radians(LATITUDE)
    return degrees(
        asin(sin(latitude) * sin(declination) + cos(latitude) * cos(declination) * cos(hour_angle))
    )


def darkness(start: int) -> tuple[int, int]:
    """Return when the first night from `start` (µs UTC) on begins and ends, to the second."""
    dusk = _turn(start, lambda time: sun_altitude(time) < NIGHT)
    return dusk, _turn(dusk, lambda time: sun_altitude(time) > NIGHT)


def _turn(time: int, is_so: Callable[[int], bool]) -> int:
    """Return the first second from which on it is so, if it is not so now."""
    while is_so(time):
        time += _HOUR
    while not is_so(time):
        time += _HOUR
    before, after = time - _HOUR, time
    while after - before > _SECOND:
        middle = (before + after) // 2
        before, after = (before, middle) if is_so(middle) else (middle, after)
    return after - after % _SECOND


def parked_at(azimuth: float) -> tuple[float, float]:
    """Return hour angle (h) and declination (degrees) of the middle of the track at an azimuth."""
    azimuth, altitude, latitude = map(radians, (azimuth, ALTITUDE, LATITUDE))
    declination = asin(sin(altitude) * sin(latitude) + cos(altitude) * cos(latitude) * cos(azimuth))
    hour_angle = atan2(
        -sin(azimuth) * cos(altitude),
        sin(altitude) * cos(latitude) - cos(altitude) * sin(latitude) * cos(azimuth),
    )
    return degrees(hour_angle) / 15, degrees(declination)


def hours_apart(hours: float) -> float:
    """Return a difference of hour angles between -12 and 12 h."""
    return (hours + 12) % 24 - 12
