"""How many events each TCS source sent in each minute: where a night was busy, and where silent."""

from collections.abc import Sequence

from sqlalchemy import MetaData, Table

from projections import Change, Increment, OfNight, View
from projections.columns import MAX_TCS_NAME, instant, text, whole
from schemas.events.tcs import TcsEvent
from schemas.nights import Nights
from schemas.record import AnyRecord
from schemas.topics import OBSERVATORY
from schemas.utc import MICROS

MINUTE = 60 * MICROS

ACTIVITY = Table(
    "tcs_activity",
    MetaData(),
    instant("minute_start", "first instant of the minute, by the events' data times", key=True),
    text("tcs_system", MAX_TCS_NAME, "first part of the events' name", key=True),
    text("tcs_source", MAX_TCS_NAME, "second part of the events' name", key=True),
    whole("events", "how many events"),
)


def view(nights: Nights) -> View:
    """Return the view `tcs_activity`."""
    return View(
        "tcs_activity",
        1,
        (OBSERVATORY.name,),
        (ACTIVITY,),
        project,
        OfNight("minute_start", nights),
    )


def project(record: AnyRecord) -> Sequence[Change]:
    """An event is one more in its minute."""
    event = record.event
    if not isinstance(event, TcsEvent):
        return ()
    minute = event.data_time - event.data_time % MINUTE
    return (Increment(ACTIVITY, (minute, event.system, event.source), {"events": 1}),)
