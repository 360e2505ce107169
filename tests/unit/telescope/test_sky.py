"""Where sun, sky and structure stand, held against astropy and HET's own programs."""

import warnings

import pytest

from producers.telescope import sky
from producers.telescope.pointing import Pointing
from schemas import utc
from schemas.utc import MICROS
from tests.unit.telescope.played import START, order

TIMES = [utc.parse(text) for text in ("2017-01-03T03:00", "2019-03-07T11:30", "2026-07-01T20:00")]


@pytest.mark.parametrize("time", TIMES)
def test_sun_and_sidereal_time_are_astropys(time: int) -> None:
    with warnings.catch_warnings(action="ignore"):
        from astropy import units
        from astropy.coordinates import AltAz, EarthLocation, get_sun
        from astropy.time import Time
        from astropy.utils import iers

        iers.conf.auto_download = False
        place = EarthLocation.from_geodetic(sky.LONGITUDE, sky.LATITUDE, 2003)
        instant = Time(time / MICROS, format="unix", scale="utc", location=place)
        frame = AltAz(obstime=instant, location=place)
        altitude = get_sun(instant).transform_to(frame).alt.to_value(units.deg)
        sidereal = instant.sidereal_time("mean").to_value(units.hourangle)
    assert sky.sun_altitude(time) == pytest.approx(altitude, abs=0.02)
    assert sky.hours_apart(sky.sidereal_time(time) - sidereal) == pytest.approx(
        0, abs=3e-4
    )  # UT1 − UTC


def test_a_night_is_from_dusk_to_dawn() -> None:
    dusk, dawn = sky.darkness(utc.parse("2019-03-06T18:00"))
    for time in (dusk, dawn):
        assert sky.sun_altitude(time) == pytest.approx(sky.NIGHT, abs=0.01)
    assert sky.sun_altitude((dusk + dawn) // 2) < sky.NIGHT
    assert (dawn - dusk) / MICROS / 3600 == pytest.approx(9.63, abs=0.02)


@pytest.mark.parametrize("azimuth", [76.01662, 283.98338])
def test_a_parked_telescope_points_where_hets_own_program_says(azimuth: float) -> None:
    """`hetaz.py 32.5` gives these azimuths for a declination of 32.5 degrees."""
    hour_angle, declination = sky.parked_at(azimuth)
    assert declination == pytest.approx(32.5, abs=1e-4)
    assert (hour_angle < 0) == (azimuth < 180)


def test_the_structure_turns_the_short_way_and_stays() -> None:
    pointing = Pointing()
    pointing.turn(START, 350.0)
    azimuths = [pointing.azimuth(START + n * 10 * MICROS) for n in range(20)]
    assert azimuths[:3] == [68.0, 63.0, 58.0]
    assert azimuths[-1] == 350.0
    pointing.track(order())
    assert pointing.values(START)["dec"] == 51.8
    pointing.park(order("DEX2"))
    assert pointing.values(START)["dec"] == 51.8
    pointing.park(order())
    assert pointing.values(START)["dec"] != 51.8
