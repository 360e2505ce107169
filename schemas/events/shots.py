"""Shots: what is asked of the telescope, and what comes of it.

A shot is one pointing with three dithered exposures. A good one is told in this order: started,
set-up started and finished, exposure started and finished three times, finished.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from schemas.declare import DECIDED, REPORTED, Doc, Micros, Unit, event
from schemas.events.tcs import Value

EAST, WEST = 0, 1
"""Tracks of a shot, as OCD numbers them."""

Request = Annotated[str, Doc("id of the request, a UUID")]


@dataclass(frozen=True, slots=True)
class ShotOrder:
    """What is to be observed, and how; each event of a shot repeats it."""

    shotid: str
    obs_number: Annotated[int, Doc("names the directory of the files")]
    ra: Annotated[float, Unit("h"), Doc("right ascension, J2000")]
    dec: Annotated[float, Unit("deg"), Doc("declination, J2000")]
    azimuth: Annotated[float, Unit("deg"), Doc("of the structure, from north over east")]
    track: Annotated[int, Doc("0 east, 1 west")]
    exposures: Annotated[Sequence[float], Unit("s"), Doc("exposure times, in order")]
    metadata: Annotated[Mapping[str, Value], Doc("goes to TCS as it is")]
    by_hand: Annotated[bool, Doc("false: the orchestrator chose it")]
    followed: Annotated[bool, Doc("the orchestrator follows it, and the bridge sends it")]
    dither_with_probes: Annotated[bool | None, Doc("null: as the site's settings say")] = None
    wait_last_write: Annotated[bool | None, Doc("null: as the site's settings say")] = None
    shuffle_shot: Annotated[str | None, Doc("directory; null: as the site's settings say")] = None
    shuffle_conf_template: Annotated[str | None, Doc("null: as the site's settings say")] = None
    acam_dest_file: Annotated[str | None, Doc("null: as the site's settings say")] = None


@event(DECIDED)
class ShotRequested:
    """The orchestrator asks for a shot that it chose."""

    time: Micros
    order: ShotOrder
    valid_until: Annotated[Micros, Doc("begun later, it would come into another sky")]


@event(REPORTED)
class ShotByHandRequested:
    """Somebody asks for a shot."""

    time: Micros
    order: ShotOrder
    who: str
    valid_until: Annotated[Micros, Doc("not begun by then, it is not carried out")]


@event(REPORTED)
class ShotAbortRequested:
    """Somebody asks that the shot under way be ended early."""

    time: Micros
    shot: Annotated[str, Doc("id of the request of the shot; empty: whichever runs")]
    who: str
    reason: str


@event(REPORTED)
class ShotStarted:
    """A shot began: from here on the telescope is its own until it finished."""

    time: Micros
    request: Request
    order: ShotOrder


@event(REPORTED)
class TelescopeSetupStarted:
    """The telescope is being set up for a shot."""

    time: Micros
    request: Request
    order: ShotOrder


@event(REPORTED)
class TelescopeSetupFinished:
    """The telescope is set up, and the acquisition image copied."""

    time: Micros
    request: Request
    order: ShotOrder


@event(REPORTED)
class ExposureStarted:
    """The shutter opened for an exposure of a shot."""

    time: Micros
    request: Request
    order: ShotOrder
    exposure: Annotated[int, Doc("from 1 on")]
    seconds: Annotated[float, Unit("s"), Doc("exposure time that is meant")]


@event(REPORTED)
class ExposureFinished:
    """An exposure of a shot is read out."""

    time: Micros
    request: Request
    order: ShotOrder
    exposure: Annotated[int, Doc("from 1 on")]
    seconds: Annotated[float, Unit("s"), Doc("exposure time that was had")]
    files: Annotated[int, Doc("FITS files found of it; 0 where nobody looked")] = 0


@event(REPORTED)
class ShotFinished:
    """A shot came to its end, good or bad: the telescope is free."""

    time: Micros
    request: Request
    order: ShotOrder
    error: bool
    step: Annotated[str, Doc("where it failed: set-up, acquisition image, exposure 2; empty: not")]
    kind: Annotated[str, Doc("type of the error, such as SetupFailed or Aborted; empty: none")]
    reason: Annotated[str, Doc("the error in a sentence; empty: none")]
    details: Annotated[str, Doc("what helps to find its cause, such as a command's output")]


@event(REPORTED)
class ShotExpired:
    """A request came to the telescope when it was too late for it: nothing was done."""

    time: Micros
    request: Request
    order: ShotOrder
    valid_until: Micros
