"""The events of a shot in lines for people."""

from collections.abc import Iterator
from functools import singledispatch
from typing import Any

from schemas import utc
from schemas.events.shots import (
    ExposureFinished,
    ExposureStarted,
    ShotExpired,
    ShotFinished,
    ShotStarted,
    TelescopeSetupFinished,
    TelescopeSetupStarted,
)
from schemas.record import AnyRecord

EVENTS = (
    ShotStarted,
    TelescopeSetupStarted,
    TelescopeSetupFinished,
    ExposureStarted,
    ExposureFinished,
    ShotFinished,
    ShotExpired,
)
"""What is told of a shot, in this order."""

ENDS = (ShotFinished, ShotExpired)


def lines(record: AnyRecord) -> Iterator[str]:
    """Yield the lines of an event: when it was, what it says, and below that its details."""
    yield f"{utc.iso(record.time)[11:19]}  {said(record.event)}"
    for line in getattr(record.event, "details", "").splitlines():
        yield f"          {line}"


@singledispatch
def said(event: Any) -> str:
    """Return an event in words."""
    return type(event).__name__


@said.register
def _(event: ShotStarted) -> str:
    return f"{event.order.shotid} begins, observation {event.order.obs_number}"


@said.register
def _(_: TelescopeSetupStarted) -> str:
    return "set-up begins"


@said.register
def _(_: TelescopeSetupFinished) -> str:
    return "set-up done"


@said.register
def _(event: ExposureStarted) -> str:
    return f"exposure {event.exposure} of {len(event.order.exposures)} begins: {event.seconds:g} s"


@said.register
def _(event: ExposureFinished) -> str:
    files = f", {event.files} FITS file{'s' * (event.files > 1)}" if event.files else ""
    return f"exposure {event.exposure} done: {event.seconds:g} s{files}"


@said.register
def _(event: ShotFinished) -> str:
    if not event.error:
        return f"{event.order.shotid} done"
    where = f" in {event.step}" if event.step else ""
    return f"{event.order.shotid} failed{where}: {event.kind}: {event.reason}"


@said.register
def _(event: ShotExpired) -> str:
    return f"{event.order.shotid} expired: it could not begin before {utc.iso(event.valid_until)}"
