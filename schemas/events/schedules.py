"""The next shot by an external scheduler: asked for by a service, called by a worker."""

from typing import Annotated

from schemas.declare import DECIDED, REPORTED, Doc, Micros, Unit, event


@event(DECIDED)
class ScheduleRequested:
    """The next shot has to be chosen by the external scheduler."""

    time: Micros
    date_time: Annotated[Micros, Doc("the present of who decides: differs in replay and rehearsal")]
    seeing: Annotated[float, Unit("arcsec"), Doc("full width at half maximum")]
    transparency: Annotated[float, Doc("0 to 1")]
    azimuth: Annotated[float | None, Unit("deg"), Doc("where the structure stands")]
    valid_until: Annotated[Micros, Doc("a shot proposed later is of no use")]


@event(REPORTED)
class ScheduleStarted:
    """A worker is about to call the external scheduler."""

    time: Micros
    request: Annotated[str, Doc("id of the ScheduleRequested, a UUID")]


@event(REPORTED)
class ShotProposed:
    """The external scheduler proposed a shot."""

    time: Micros
    request: Annotated[str, Doc("id of the ScheduleRequested, a UUID")]
    shot: Annotated[str, Doc("its shotid")]
    track: Annotated[int, Doc("0 east, 1 west")]
    azimuth: Annotated[float, Unit("deg")]
    output: Annotated[str, Doc("what it printed, cut at 4000 characters")]


@event(REPORTED)
class ScheduleFailed:
    """The external scheduler proposed nothing that can be used."""

    time: Micros
    request: Annotated[str, Doc("id of the ScheduleRequested, a UUID")]
    reason: str


@event(REPORTED)
class ScheduleExpired:
    """A request came to the worker when its answer was no longer of use; nothing was called."""

    time: Micros
    request: Annotated[str, Doc("id of the ScheduleRequested, a UUID")]
    valid_until: Micros
