"""The newest value of every value name of every TCS event name: what an operator's page shows."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import MetaData, Table

from projections import Change, Upsert, View
from projections.columns import MAX_TCS_TOPIC, instant, json, kind, number, text
from schemas.events.tcs import TcsEvent
from schemas.nights import Nights
from schemas.record import AnyRecord
from schemas.topics import OBSERVATORY

LATEST = Table(
    "tcs_latest",
    MetaData(),
    text("tcs_topic", MAX_TCS_TOPIC, "the event's name, `system.source.key`", key=True),
    text("value_name", 400, "the value's flat dotted name in the payload", key=True),
    instant("data_time", "when the newest value was made"),
    kind("kind", "null, boolean, long, double, string or array"),
    json("value_text", "the newest value"),
    number("number", "the value as a number, for plots: booleans are 0 and 1, others NULL"),
)


def view(_: Nights) -> View:
    """Return the view `tcs_latest`."""
    return View("tcs_latest", 1, (OBSERVATORY.name,), (LATEST,), project)


def project(record: AnyRecord) -> Sequence[Change]:
    """Each value of the event replaces the one that is not newer; at equal times the later wins."""
    event = record.event
    if not isinstance(event, TcsEvent):
        return ()
    topic, time = event.topic, event.data_time
    return [
        _upsert((LATEST, (topic, name), (time, value, value, value), "data_time"))
        for name, value in event.values.items()
    ]


_upsert: Callable[[tuple[Any, ...]], Upsert] = partial(tuple.__new__, Upsert)
"""Half the time of `Upsert(…)`, which is called for each value of each event."""
