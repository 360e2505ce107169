"""What the telescope really did, beside what the scheduler says and would have done."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import FK5, AltAz, EarthLocation, SkyCoord, get_body, get_sun
from astropy.time import Time
from astropy.utils import iers

from consumers.orchestrator import het
from consumers.orchestrator.candidates import prepare, sides
from consumers.orchestrator.scheduling import (
    Constraints,
    Planned,
    Rule,
    judge,
    plan_night,
)
from schemas.utc import MICROS
from tests.unit.scheduling.listed import NIGHT, Observed, observed, shot

LIMITS = Constraints()
REAL_SHOTS = 19
SITE = EarthLocation.from_geodetic(het.LONGITUDE * u.deg, het.LATITUDE * u.deg, 2003 * u.m)


@pytest.fixture(scope="module")
def real(shared_data: Path) -> Sequence[Observed]:
    return observed(shared_data)


@pytest.fixture(scope="module", autouse=True)
def _offline() -> Iterator[None]:
    with iers.conf.set_temp("auto_download", False):
        yield


def test_every_real_shot_began_inside_a_window_of_its_place(real: Sequence[Observed]) -> None:
    """Of 2,450 the time and place of 2,429 are known."""
    east = [seen for seen in real if _is_inside(seen, "E")]
    west = [seen for seen in real if seen not in east and _is_inside(seen, "W")]
    assert (len(real), len(east), len(west)) == (2429, 1232, 1197)


def _is_inside(seen: Observed, track: str, azimuth: float | None = None) -> bool:
    verdicts = judge(shot(seen.name, seen.ra, seen.dec), track, seen.time, LIMITS, azimuth)
    return {v.rule: v.passed for v in verdicts}[Rule.NONE_IN_WINDOW]


def test_and_inside_the_window_at_the_azimuth_where_the_structure_stood(
    real: Sequence[Observed],
) -> None:
    """The azimuth follows from the parallactic angle, which is that of the circle's middle."""
    azimuths = np.arange(0.5, 360, 0.02)
    best = np.degrees(np.arcsin(_sine_of_middle(azimuths)))
    angles = 180 + het.parallactic_angle(best, het.windows(best, azimuths).middle)
    for seen in real:
        azimuth = float(azimuths[np.abs(angles - seen.parallactic).argmin()])
        assert _is_inside(seen, "E" if het.is_east(azimuth) else "W", azimuth), seen


def _sine_of_middle(azimuths: "np.typing.NDArray[np.float64]") -> "np.typing.NDArray[np.float64]":
    up, height = np.radians(het.LATITUDE), np.radians(het.ELEVATION)
    found = np.sin(height) * np.sin(up) + np.cos(height) * np.cos(up) * np.cos(np.radians(azimuths))
    return np.asarray(found)


@pytest.mark.parametrize("of_the_night", [True, False], ids=["its shots", "all shots left"])
def test_the_night_with_most_shots_gets_no_fewer(
    real: Sequence[Observed], of_the_night: bool
) -> None:
    """Each shot planned is within reach, sun and moon are low: as astropy has it, without ours."""
    left = [s for s in real if s.date == 20190307 or (s.date > 20190307 and not of_the_night)]
    listed = prepare(tuple(shot(seen.name, seen.ra, seen.dec) for seen in left))
    plan = plan_night(listed, *NIGHT, LIMITS)
    assert len([s for s in real if s.date == 20190307]) == REAL_SHOTS
    assert len(plan) >= REAL_SHOTS
    assert_kept(plan)


def assert_kept(plan: Sequence[Planned]) -> None:
    """See that sun, moon and the tracker's reach let each shot be run from end to end."""
    length = round(LIMITS.on_track_s * MICROS)
    found = [planned.proposal for planned in plan for _ in range(2)]
    unix = [t / MICROS for p in plan for t in (p.proposal.time, p.proposal.time + length)]
    times = Time(unix, format="unix")
    frame = AltAz(obstime=times, location=SITE)
    ra, dec = ([getattr(p.shot, name) for p in found] for name in ("ra", "dec"))
    seen = SkyCoord(ra * u.hourangle, dec * u.deg, frame=FK5()).transform_to(frame)
    middle = SkyCoord([p.azimuth for p in found] * u.deg, het.ELEVATION * u.deg, frame=frame)
    assert seen.separation(middle).deg.max() < het.TRACKER_RADIUS + 0.01
    assert get_sun(times).transform_to(frame).alt.deg.max() < LIMITS.sun_below_deg + 0.02
    moon = get_body("moon", times, SITE).transform_to(frame)
    assert moon.alt.deg.max() < LIMITS.moon_below_deg + 0.05


def test_windows_of_a_night_are_those_of_each_shot_alone(real: Sequence[Observed]) -> None:
    listed = tuple(shot(seen.name, seen.ra, seen.dec) for seen in real[:300])
    together = sides(prepare(listed), NIGHT[0])
    for column, one in enumerate(listed):
        alone = sides(prepare((one,)), NIGHT[0])
        assert [float(f[0, 0]) for f in alone[:3]] == [float(f[0, column]) for f in together[:3]]
