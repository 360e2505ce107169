"""The telescope's geometry, held against the observatory's own figures and against itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.orchestrator import het

DECLINATIONS = st.floats(-30, 90)
AZIMUTHS = st.floats(0, 360)


def test_the_best_azimuth_and_its_angle_are_the_observatorys() -> None:
    """As its tool `hetaz` prints them for 32.5 degrees, of a slightly other elevation."""
    east, west = het.best_azimuths(32.5)
    assert (float(east), float(west)) == pytest.approx((76.017, 283.983), abs=0.001)
    middle = float(het.windows(32.5, east).middle)
    assert 180 + float(het.parallactic_angle(32.5, middle)) == pytest.approx(98.308, abs=0.01)


@pytest.mark.parametrize(
    ("dec", "azimuth", "first", "last"),
    [
        (-10, 180, -0.41, 0.41),
        (0, 148.11, -1.73, -0.61),
        (20, 98.90, -3.07, -1.87),
        (53, 39.45, -3.41, -1.55),
        (60, 24.64, -3.03, -0.78),
        (66, 0, -1.37, 1.37),
        (70, 0, -1.28, 1.28),
    ],
)
def test_tracks_are_as_long_as_they_are_known_to_be(
    dec: float, azimuth: float, first: float, last: float
) -> None:
    east, _ = het.best_azimuths(dec)
    window = het.windows(dec, east)
    found = [float(each) for each in (window.middle - window.half, window.middle + window.half)]
    assert float(east) == pytest.approx(azimuth, abs=0.01)
    assert found == pytest.approx([first, last], abs=0.01)


@given(DECLINATIONS)
def test_west_is_the_mirror_of_east(dec: float) -> None:
    (east, west) = het.best_azimuths(dec)
    rising, setting = het.windows(dec, east), het.windows(dec, west)
    assert float(rising.half) == pytest.approx(float(setting.half), abs=2e-7)
    if float(east) not in {0, 180}:
        assert float(rising.middle) == pytest.approx(-float(setting.middle), abs=2e-7)
        assert rising.middle < 0 < setting.middle
        assert het.is_east(float(east))
        assert not het.is_west(float(east))


@given(DECLINATIONS)
def test_at_the_best_azimuths_a_place_goes_through_the_middle(dec: float) -> None:
    for azimuth in map(float, het.best_azimuths(dec)):
        off = _apart(dec, float(het.windows(dec, azimuth).middle), azimuth)
        beside = (
            _apart(dec, float(het.windows(dec, a).middle), a) for a in (azimuth - 1, azimuth + 1)
        )
        assert off < 1e-4 or off <= min(beside) + 1e-6


@given(DECLINATIONS, AZIMUTHS)
def test_the_edge_of_a_window_is_the_trackers_reach(dec: float, azimuth: float) -> None:
    """Checked with vectors, which the formula does not use."""
    middle, half = (float(each) for each in het.windows(dec, azimuth))
    if half < 0:
        assert _apart(dec, middle, azimuth) > het.TRACKER_RADIUS - 1e-6
    elif half < 12:
        for edge in (middle - half, middle + half):
            assert _apart(dec, edge, azimuth) == pytest.approx(het.TRACKER_RADIUS, abs=1e-4)


def _apart(dec: float, hour_angle: float, azimuth: float) -> float:
    """Return the angle between a place and where the middle of the circle points, degrees."""
    place, turned, up = np.radians(dec), np.radians(hour_angle * 15), np.radians(het.LATITUDE)
    x, y, z = np.cos(place) * np.cos(turned), np.cos(place) * np.sin(turned), np.sin(place)
    north = np.cos(up) * z - np.sin(up) * x
    zenith = np.sin(up) * z + np.cos(up) * x
    height, a = np.radians(het.ELEVATION), np.radians(azimuth)
    pointed = np.cos(height) * np.cos(a), np.cos(height) * np.sin(a), np.sin(height)
    seen = np.array([north, -y, zenith])
    return float(np.degrees(np.arccos(np.clip(np.dot(seen, pointed), -1, 1))))
