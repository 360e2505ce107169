"""Observation numbers: asked for by a service, taken by a worker."""

from typing import Annotated

from schemas.declare import DECIDED, REPORTED, Doc, Micros, Unit, event

_Request = Annotated[str, Doc("id of the ObservationNumberRequested, a UUID")]


@event(DECIDED)
class ObservationNumberRequested:
    """A shot needs an observation number."""

    time: Micros
    shot: Annotated[str, Doc("id of the shot")]
    inst: Annotated[str, Doc("the instrument; empty: that of the site's settings")]
    date_time: Annotated[
        Micros, Unit("us"), Doc("the deciders' present, maybe mocked: its UTC date is the obsdate")
    ]
    valid_until: Annotated[Micros, Unit("us"), Doc("taken later, it would number nothing")]


@event(REPORTED)
class ObservationNumberStarted:
    """A worker is about to take a number."""

    time: Micros
    request: _Request


@event(REPORTED)
class ObservationNumberTaken:
    """A shot has its observation number: no other shot of that date gets it."""

    time: Micros
    request: _Request
    shot: str
    obsdate: Annotated[str, Doc("UTC date, YYYY-MM-DD")]
    obsnum: int
    inst: str
    recorded: Annotated[bool, Doc("false: computed only, and another shot may get it too")]
    row_id: Annotated[int | None, Doc("id of its row in vl_obsnum")] = None


@event(REPORTED)
class ObservationNumberFailed:
    """No number could be taken."""

    time: Micros
    request: _Request
    shot: str
    reason: str


@event(REPORTED)
class ObservationNumberExpired:
    """A request came to the worker when it was too late; no number was taken."""

    time: Micros
    request: _Request
    shot: str
    valid_until: Micros
