"""The short formulas of sun, moon, time and precession, held against astropy."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import FK5, AltAz, EarthLocation, SkyCoord, get_body, get_sun
from astropy.time import Time
from astropy.utils import iers

from consumers.orchestrator import het, sky
from schemas.utc import MICROS, parse

pytestmark = [  # of years whose leap seconds nobody knows yet
    pytest.mark.filterwarnings("ignore::erfa.ErfaWarning"),
    pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyWarning"),
]
SITE = EarthLocation.from_geodetic(het.LONGITUDE * u.deg, het.LATITUDE * u.deg, 2003 * u.m)
FIRST, LAST = parse("2000-01-01") // MICROS, parse("2050-01-01") // MICROS
INSTANTS = [int(s) * MICROS for s in np.random.default_rng(20190307).integers(FIRST, LAST, 600)]
TIMES = Time([time // MICROS for time in INSTANTS], format="unix")


@pytest.fixture(autouse=True, scope="module")
def _offline() -> Iterator[None]:
    """Let astropy look up nothing, and take its last word for UT1 of the years to come."""
    with (
        iers.conf.set_temp("auto_download", False),
        iers.conf.set_temp("auto_max_age", None),
        iers.conf.set_temp("iers_degraded_accuracy", "ignore"),
    ):
        yield


def altitudes(body: Any) -> Any:
    return body.transform_to(AltAz(obstime=TIMES, location=SITE)).alt.deg


def worst(ours: Any, theirs: Any) -> float:
    return float(np.abs(np.asarray(ours) - theirs).max())


def test_sidereal_time_is_right_to_a_second() -> None:
    theirs = TIMES.sidereal_time("apparent", longitude=het.LONGITUDE * u.deg).hour
    ours = np.array([sky.sidereal_time(time, het.LONGITUDE) for time in INSTANTS])
    assert worst((ours - theirs + 12) % 24, 12) * 3600 < 1


def test_the_sun_is_right_to_a_fiftieth_of_a_degree() -> None:
    ours = [sky.sun_altitude(time, het.LATITUDE, het.LONGITUDE) for time in INSTANTS]
    assert worst(ours, altitudes(get_sun(TIMES))) < 0.02


def test_the_moon_is_right_to_a_twentieth_of_a_degree_and_its_light_to_a_five_hundredth() -> None:
    ours = [sky.moon_at(time, het.LATITUDE, het.LONGITUDE) for time in INSTANTS]
    moon, sun = get_body("moon", TIMES, SITE), get_sun(TIMES)
    apart = sun.separation(moon, origin_mismatch="ignore")
    phase = np.arctan2(sun.distance * np.sin(apart), moon.distance - sun.distance * np.cos(apart))
    assert worst([seen.altitude for seen in ours], altitudes(moon)) < 0.05
    lit = (1 + np.cos(phase.to_value("rad"))) / 2
    assert worst([seen.illumination for seen in ours], lit) < 0.002


@pytest.mark.parametrize("date", ["2000-01-01", "2017-01-01", "2026-11-26", "2050-01-01"])
def test_precession_is_right_to_an_arc_second(date: str) -> None:
    drawn = np.random.default_rng(7)
    ra, dec = drawn.uniform(0, 24, 500), drawn.uniform(-20, 80, 500)
    equinox = FK5(equinox=Time(date))
    theirs = SkyCoord(ra * u.hourangle, dec * u.deg, frame="fk5").transform_to(equinox)
    hours, degrees = sky.precess(ra, dec, parse(date))
    ours = SkyCoord(hours * u.hourangle, degrees * u.deg, frame=equinox)
    assert ours.separation(theirs).arcsec.max() < 1
