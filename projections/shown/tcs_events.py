"""Every TCS event, one row each: the night's events for people and tools that speak SQL."""

from collections.abc import Sequence

from sqlalchemy import Boolean, Column, MetaData, Table

from projections import Change, Insert, OfNight, View
from projections.columns import MAX_TCS_NAME, identity, instant, json, text
from schemas.events.tcs import TcsEvent
from schemas.nights import Nights
from schemas.record import AnyRecord
from schemas.topics import OBSERVATORY

EVENTS = Table(
    "tcs_events",
    MetaData(),
    instant("data_time", "when the payload was made", key=True),
    identity("event_id", "the record's id, a UUID", key=True),
    instant("wire_time", "when it was sent"),
    text("tcs_system", MAX_TCS_NAME, "first part of the event's name"),
    text("tcs_source", MAX_TCS_NAME, "second part of the event's name"),
    text("tcs_key", MAX_TCS_NAME, "third part of the event's name"),
    Column("more_data", Boolean, nullable=False, comment="another event with data is coming"),
    json("payload", "the values by flat dotted name"),
    json("original_text", "recorded spellings that export restores, by name"),
)


def view(nights: Nights) -> View:
    """Return the view `tcs_events`."""
    return View(
        "tcs_events", 1, (OBSERVATORY.name,), (EVENTS,), project, OfNight("data_time", nights)
    )


def project(record: AnyRecord) -> Sequence[Change]:
    """An event is a row."""
    event = record.event
    if not isinstance(event, TcsEvent):
        return ()
    row = (
        event.wire_time,
        event.system,
        event.source,
        event.key,
        event.more_data,
        event.values,
        event.original_text,
    )
    return (Insert(EVENTS, (event.data_time, record.provenance.id_bytes), row),)
