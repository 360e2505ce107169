"""Notices to people: asked for by a service, delivered by a worker."""

from typing import Annotated

from schemas.declare import DECIDED, REPORTED, Doc, Micros, event


@event(DECIDED)
class NoticeRequested:
    """People on duty have to be told something."""

    time: Micros
    subject: str
    text: str
    valid_until: Annotated[Micros, Doc("delivered later, it would only confuse")]


@event(REPORTED)
class NoticeStarted:
    """A worker is about to deliver a notice."""

    time: Micros
    request: Annotated[str, Doc("id of the NoticeRequested, a UUID")]


@event(REPORTED)
class NoticeDelivered:
    """A notice is where people find it."""

    time: Micros
    request: Annotated[str, Doc("id of the NoticeRequested, a UUID")]
    place: str


@event(REPORTED)
class NoticeFailed:
    """A notice could not be delivered."""

    time: Micros
    request: Annotated[str, Doc("id of the NoticeRequested, a UUID")]
    reason: str


@event(REPORTED)
class NoticeExpired:
    """A notice came to the worker when it was no longer of use; it was not delivered."""

    time: Micros
    request: Annotated[str, Doc("id of the NoticeRequested, a UUID")]
    valid_until: Micros
