"""Whether chosen shots keep the rules of the sky, by astropy alone: nothing of ours is asked."""

import warnings
from collections.abc import Mapping, Sequence

from schemas.events.orchestrator import ShotChosen
from schemas.events.shot_lists import Shot
from schemas.utc import MICROS

LATITUDE, LONGITUDE, HEIGHT = 30.681436, -104.014742, 2003.0
ELEVATION, RADIUS = 55.055223, 8.4
"""Of the structure, and how far the tracker follows, degrees."""
_SLACK = 0.03
"""What our formulas may be off, degrees: refraction is in neither."""


def broken(
    chosen: Sequence[ShotChosen], shots: Mapping[str, Shot], limits: Mapping[str, str]
) -> list[str]:
    """Return a sentence for each rule that a chosen shot breaks, under the orchestrator's settings.

    The sun and the moon are down from the choice to the end of the last exposure, and the shot is
    within the tracker's reach while it is exposed, at the azimuth that was chosen.
    """
    with warnings.catch_warnings(action="ignore"):
        return [said for event in chosen for said in _broken(event, shots[event.shotid], limits)]


def _broken(event: ShotChosen, shot: Shot, limits: Mapping[str, str]) -> Sequence[str]:
    from astropy import units as u
    from astropy.coordinates import (
        AltAz,
        EarthLocation,
        SkyCoord,
        get_body,
        get_sun,
    )
    from astropy.time import Time
    from astropy.utils import iers

    iers.conf.auto_download = False
    exposed = 3 * float(limits["exposure_time"]) + 2 * float(limits["readout_time"])
    setup, now = float(limits["setup_time"]), event.conditions.now / MICROS
    times = Time(
        [now, now + setup, now + setup + exposed / 2, now + setup + exposed], format="unix"
    )
    place = EarthLocation.from_geodetic(LONGITUDE, LATITUDE, HEIGHT)
    frame = AltAz(obstime=times, location=place)
    sun = get_sun(times).transform_to(frame).alt.deg
    moon = get_body("moon", times, place).transform_to(frame).alt.deg
    target = SkyCoord(shot.ra * u.hourangle, shot.dec * u.deg).transform_to(frame)
    pointing = SkyCoord(event.azimuth * u.deg, ELEVATION * u.deg, frame="altaz")
    there = SkyCoord(target.az, target.alt, frame="altaz")
    away = there.separation(pointing).deg[1:]
    found = {
        f"the sun is at {max(sun):.2f}": max(sun) > float(limits["sun_below"]) + _SLACK,
        f"the moon is at {max(moon):.2f}": max(moon) > float(limits["moon_below"]) + _SLACK,
        f"it is {max(away):.2f} degrees away": max(away) > RADIUS + _SLACK,
        f"track {event.track} is not {shot.track}": shot.track not in {2, event.track},
    }
    return [f"{event.shotid}: {said}" for said, is_so in found.items() if is_so]
