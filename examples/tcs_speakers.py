"""Which TCS events there are, how many of each, and from when to when."""

from collections.abc import Sequence

from sqlalchemy import MetaData, Table

from projections import Change, Increment, Max, Min, View
from projections.columns import MAX_TCS_TOPIC, instant, text, whole
from schemas.events.tcs import TcsEvent
from schemas.nights import Nights
from schemas.record import AnyRecord
from schemas.topics import OBSERVATORY

SPEAKERS = Table(
    "tcs_speakers",
    MetaData(),
    text("tcs_topic", MAX_TCS_TOPIC, "the events' name, `system.source.key`", key=True),
    whole("events", "how many events"),
    instant("first_time", "earliest event time"),
    instant("last_time", "latest event time"),
)


def view(_: Nights) -> View:
    """Return the view `tcs_speakers`."""
    return View("tcs_speakers", 1, (OBSERVATORY.name,), (SPEAKERS,), project)


def project(record: AnyRecord) -> Sequence[Change]:
    """An event is one more of its name, and may be the earliest or the latest."""
    event = record.event
    if not isinstance(event, TcsEvent):
        return ()
    key = (event.topic,)
    return (
        Increment(SPEAKERS, key, {"events": 1}),
        Min(SPEAKERS, key, {"first_time": record.time}),
        Max(SPEAKERS, key, {"last_time": record.time}),
    )
