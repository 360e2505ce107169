"""Sun, moon, sidereal time and precession by short formulas, good enough to choose a shot by.

Instants are µs UTC, angles degrees; UT1 is taken to be UTC, which is less than 0.9 s off.
Altitudes are those of the centre, without refraction. The bounds hold in the years 2000 to 2050,
and tests hold them against astropy.

Single values go through `math` and exact sums, so that they depend on no version of numpy.
"""

from math import asin, atan2, cos, degrees, fsum, hypot, radians, sin
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.utc import MICROS

DAY = 86_400 * MICROS
SIDEREAL = 1.00273790935
"""Sidereal seconds in a second."""

_J2000 = 946_728_000 * MICROS  # 2000-01-01T12:00:00 UTC
_TT_MINUS_UTC = 69.2 / 86_400
_ASTRONOMICAL_UNIT, _EARTH_RADIUS = 149_597_870.7, 6_378.14  # km


class Direction(NamedTuple):
    """A place in the sky of an instant: right ascension and declination of date, and distance.

    Degrees and km, seen from the centre of the Earth.
    """

    ra: float
    dec: float
    km: float


class Moon(NamedTuple):
    """How the moon stands at a place: altitude in degrees, and the lit part of its disc."""

    altitude: float
    illumination: float


def sidereal_time(time: int, longitude: float) -> float:
    """Return the apparent sidereal time in hours, to 1 s; the longitude is positive in the east.

    Source: US Naval Observatory, "Computing Greenwich Sidereal Time".
    """
    days = (time - _J2000) / DAY
    mean = 18.697374558 + 24.06570982441908 * days
    node, sun = radians(125.04 - 0.052954 * days), radians(280.47 + 0.98565 * days)
    nutation = -0.000319 * sin(node) - 0.000024 * sin(2 * sun)
    obliquity = radians(23.4393 - 4e-7 * days)
    return (mean + nutation * cos(obliquity) + longitude / 15) % 24


def sun(time: int) -> Direction:
    """Return where the sun is, to 0.02 degrees.

    Source: US Naval Observatory, "Approximate Solar Coordinates".
    """
    days = (time - _J2000) / DAY + _TT_MINUS_UTC
    anomaly = radians(357.529 + 0.98560028 * days)
    longitude = 280.459 + 0.98564736 * days + 1.915 * sin(anomaly) + 0.020 * sin(2 * anomaly)
    distance = 1.00014 - 0.01671 * cos(anomaly) - 0.00014 * cos(2 * anomaly)
    return _equatorial(days, radians(longitude), 0.0, distance * _ASTRONOMICAL_UNIT)


def sun_altitude(time: int, latitude: float, longitude: float) -> float:
    """Return the sun's altitude, to 0.02 degrees."""
    return _altitude(sun(time), time, latitude, longitude)


def moon(time: int) -> Direction:
    """Return where the moon is, seen from the centre of the Earth, to 0.02 degrees.

    Source: Meeus, Astronomical Algorithms, 2nd edition, chapter 47; the largest terms.
    """
    days = (time - _J2000) / DAY + _TT_MINUS_UTC
    century = days / 36_525
    mean = 218.3164477 + 481267.88123421 * century
    d = radians(297.8501921 + 445267.1114034 * century)  # elongation
    m = radians(357.5291092 + 35999.0502909 * century)  # the sun's anomaly
    n = radians(134.9633964 + 477198.8675055 * century)  # the moon's anomaly
    f = radians(93.2720950 + 483202.0175233 * century)  # argument of latitude
    terms = [(p * d + q * m + r * n + t * f, s, c) for p, q, r, t, s, c in _LONGITUDE]
    longitude = mean + fsum(s * sin(angle) for angle, s, _ in terms) / 1e6
    kilometres = 385_000.56 + fsum(c * cos(angle) for angle, _, c in terms) / 1e3
    latitude = fsum(s * sin(p * d + q * m + r * n + t * f) for p, q, r, t, s in _LATITUDE) / 1e6
    return _equatorial(days, radians(longitude), radians(latitude), kilometres)


def moon_at(time: int, latitude: float, longitude: float) -> Moon:
    """Return the moon as seen from a place: altitude to 0.05 degrees, illumination to 0.002."""
    seen, light = moon(time), sun(time)
    geocentric = radians(_altitude(seen, time, latitude, longitude))
    ratio = seen.km / _EARTH_RADIUS
    altitude = degrees(atan2(sin(geocentric) - 1 / ratio, cos(geocentric)))
    apart = _separation(seen, light)
    phase = atan2(light.km * sin(apart), seen.km - light.km * cos(apart))
    return Moon(altitude, (1 + cos(phase)) / 2)


def precess(
    ra: NDArray[np.float64], dec: NDArray[np.float64], time: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return right ascensions (h) and declinations of date for those of J2000, to 1".

    Nutation and aberration, up to 30", are left out. Source: Meeus, chapter 21 (IAU 1976).
    """
    t = (time - _J2000) / DAY / 36_525
    zeta = radians((2306.2181 + (0.30188 + 0.017998 * t) * t) * t / 3600)
    z = radians((2306.2181 + (1.09468 + 0.018203 * t) * t) * t / 3600)
    theta = radians((2004.3109 - (0.42665 + 0.041833 * t) * t) * t / 3600)
    turned, height = np.radians(ra * 15) + zeta, np.radians(dec)
    a = np.cos(height) * np.sin(turned)
    b = cos(theta) * np.cos(height) * np.cos(turned) - sin(theta) * np.sin(height)
    c = sin(theta) * np.cos(height) * np.cos(turned) + cos(theta) * np.sin(height)
    hours = np.degrees(np.arctan2(a, b) + z) / 15 % 24
    return hours, np.degrees(np.arctan2(c, np.hypot(a, b)))


def _altitude(seen: Direction, time: int, latitude: float, longitude: float) -> float:
    hour_angle = radians(sidereal_time(time, longitude) * 15 - seen.ra)
    phi, dec = radians(latitude), radians(seen.dec)
    return degrees(asin(sin(phi) * sin(dec) + cos(phi) * cos(dec) * cos(hour_angle)))


def _equatorial(days: float, longitude: float, latitude: float, km: float) -> Direction:
    tilt = radians(23.439 - 3.6e-7 * days)
    x = cos(latitude) * cos(longitude)
    y = cos(latitude) * sin(longitude) * cos(tilt) - sin(latitude) * sin(tilt)
    z = cos(latitude) * sin(longitude) * sin(tilt) + sin(latitude) * cos(tilt)
    return Direction(degrees(atan2(y, x)) % 360, degrees(atan2(z, hypot(x, y))), km)


def _separation(one: Direction, other: Direction) -> float:
    """Return the angle between two directions, in radians."""
    x, y, z = _vector(one)
    u, v, w = _vector(other)
    return atan2(hypot(y * w - z * v, z * u - x * w, x * v - y * u), x * u + y * v + z * w)


def _vector(seen: Direction) -> tuple[float, float, float]:
    ra, dec = radians(seen.ra), radians(seen.dec)
    return cos(dec) * cos(ra), cos(dec) * sin(ra), sin(dec)


# Multiples of the four arguments; then 1e-6 degrees of longitude, and 1e-3 km of distance.
_LONGITUDE = (
    (0, 0, 1, 0, 6288774, -20905355),
    (2, 0, -1, 0, 1274027, -3699111),
    (2, 0, 0, 0, 658314, -2955968),
    (0, 0, 2, 0, 213618, -569925),
    (0, 1, 0, 0, -185116, 48888),
    (0, 0, 0, 2, -114332, -3149),
    (2, 0, -2, 0, 58793, 246158),
    (2, -1, -1, 0, 57066, -152138),
    (2, 0, 1, 0, 53322, -170733),
    (2, -1, 0, 0, 45758, -204586),
    (0, 1, -1, 0, -40923, -129620),
    (1, 0, 0, 0, -34720, 108743),
    (0, 1, 1, 0, -30383, 104755),
    (2, 0, 0, -2, 15327, 10321),
    (0, 0, 1, 2, -12528, 0),
    (0, 0, 1, -2, 10980, 79661),
    (4, 0, -1, 0, 10675, -34782),
    (0, 0, 3, 0, 10034, -23210),
    (4, 0, -2, 0, 8548, -21636),
    (2, 1, -1, 0, -7888, 24208),
    (2, 1, 0, 0, -6766, 30824),
    (1, 0, -1, 0, -5163, -8379),
    (1, 1, 0, 0, 4987, -16675),
    (2, -1, 1, 0, 4036, -12831),
    (2, 0, 2, 0, 3994, -10445),
    (4, 0, 0, 0, 3861, -11650),
    (2, 0, -3, 0, 3665, 14403),
)
_LATITUDE = (
    (0, 0, 0, 1, 5128122),
    (0, 0, 1, 1, 280602),
    (0, 0, 1, -1, 277693),
    (2, 0, 0, -1, 173237),
    (2, 0, -1, 1, 55413),
    (2, 0, -1, -1, 46271),
    (2, 0, 0, 1, 32573),
    (0, 0, 2, 1, 17198),
    (2, 0, 1, -1, 9266),
    (0, 0, 2, -1, 8822),
    (2, -1, 0, -1, 8216),
    (2, 0, -2, -1, 4324),
    (2, 0, 1, 1, 4200),
)
