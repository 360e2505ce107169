"""The Hobby-Eberly Telescope: where it can point, and for how long it can follow a place.

The structure turns in azimuth and stands still during a shot, at a fixed elevation; a tracker
follows the sky within a circle around that point. So a place is in reach for about an hour, when
it rises through the circle in the east and when it sets through the one in the west.

Azimuths count from north by east, hour angles are sidereal hours, negative in the east. Results are
rounded far below what matters, so that the last bit of a sine decides nothing.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

LATITUDE, LONGITUDE = 30.681436, -104.014742
"""Degrees, positive in the north and east; `hetlib` of the observatory's tcsutils."""

ELEVATION = 55.055223
"""Of the fixed structure, degrees; `hetlib`, where it is `Altitude_deg`."""

TRACKER_RADIUS = 8.4
"""How far the tracker follows from the middle, degrees; HET's help for observers."""

_AZIMUTH_DIGITS, _HOUR_DIGITS = 6, 7  # 0.004", 0.4 ms

_Floats = NDArray[np.float64]

_SIN_LATITUDE, _COS_LATITUDE = np.sin(np.radians(LATITUDE)), np.cos(np.radians(LATITUDE))
_SIN_ELEVATION, _COS_ELEVATION = np.sin(np.radians(ELEVATION)), np.cos(np.radians(ELEVATION))


class Windows(NamedTuple):
    """When places are in reach at azimuths: the hour angle of the middle, and half the length.

    The half is negative for a place that never comes within reach.
    """

    middle: _Floats
    half: _Floats


def best_azimuths(dec: ArrayLike) -> tuple[_Floats, _Floats]:
    """Return the azimuths, east and west, at which declinations go through the circle's middle.

    Beyond what the middle reaches it is due north or south, which is as near to it as can be; east
    and west are one there. Source: `hetlib`.
    """
    height = np.sin(np.radians(dec)) - _SIN_ELEVATION * _SIN_LATITUDE
    east = np.degrees(np.arccos(np.clip(height / (_COS_ELEVATION * _COS_LATITUDE), -1, 1)))
    east = np.round(east, _AZIMUTH_DIGITS)
    return east, np.round((360 - east) % 360, _AZIMUTH_DIGITS)


def windows(dec: ArrayLike, azimuth: ArrayLike) -> Windows:
    """Return when declinations are within reach of the tracker at azimuths of the structure.

    Source: spherical trigonometry; for the best azimuths it is the observatory's table of tracks.
    """
    height, turned = np.radians(dec), np.radians(azimuth)
    sine = _SIN_ELEVATION * _SIN_LATITUDE + _COS_ELEVATION * _COS_LATITUDE * np.cos(turned)
    middle = np.arctan2(
        -np.sin(turned) * _COS_ELEVATION,
        _SIN_ELEVATION * _COS_LATITUDE - _COS_ELEVATION * _SIN_LATITUDE * np.cos(turned),
    )
    across = np.cos(height) * np.sqrt(1 - sine * sine)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = (np.cos(np.radians(TRACKER_RADIUS)) - np.sin(height) * sine) / across
    half = np.degrees(np.arccos(np.clip(ratio, -1, 1))) / 15
    half = np.where(ratio <= 1, np.round(half, _HOUR_DIGITS), -1.0)
    return Windows(np.round(np.degrees(middle) / 15, _HOUR_DIGITS) + 0.0, half)


def parallactic_angle(dec: ArrayLike, hour_angle: ArrayLike) -> _Floats:
    """Return the angle at a place between pole and zenith, degrees, positive in the west.

    HETDEX's lists of shots have 180 degrees more.
    """
    height, angle = np.radians(dec), np.radians(np.asarray(hour_angle) * 15)
    below = _SIN_LATITUDE / _COS_LATITUDE * np.cos(height) - np.sin(height) * np.cos(angle)
    return np.asarray(np.degrees(np.arctan2(np.sin(angle), below)))


def is_east(azimuth: float) -> bool:
    """Whether an azimuth is on the eastern side; due north and south are on both."""
    return azimuth % 360 <= 180


def is_west(azimuth: float) -> bool:
    """Whether an azimuth is on the western side; due north and south are on both."""
    return azimuth % 360 >= 180 or azimuth % 360 == 0
