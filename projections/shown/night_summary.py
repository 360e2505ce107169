"""What each night holds: how many records, and from when to when."""

from collections.abc import Callable, Sequence
from functools import cache

from sqlalchemy import MetaData, Table

from projections import Change, Increment, Max, Min, OfNight, View
from projections.columns import NIGHT, instant, text, whole
from schemas.events.tcs import TcsEvent
from schemas.nights import Nights, name_of
from schemas.record import AnyRecord
from schemas.topics import RECORDED

SUMMARY = Table(
    "night_summary",
    MetaData(),
    text("night", NIGHT, "the date that names the night", key=True),
    whole("records", "how many records of all recorded topics"),
    whole("tcs_events", "how many of them are TCS events"),
    instant("first_time", "earliest event time"),
    instant("last_time", "latest event time"),
)


def view(nights: Nights) -> View:
    """Return the view `night_summary`."""
    return View(
        name="night_summary",
        version=1,
        topics=tuple(topic.name for topic in RECORDED),
        tables=(SUMMARY,),
        project=projector(nights),
        of_night=OfNight("night", nights),
        settings=f"nights from {nights.boundary_hour} h, named by {nights.named_by}",
    )


def projector(nights: Nights) -> Callable[[AnyRecord], Sequence[Change]]:
    """Return the view's function for a site's nights."""
    number, name = nights.number, cache(name_of)

    def project(record: AnyRecord) -> Sequence[Change]:
        time = record.time
        key = (name(number(time)),)
        is_tcs = isinstance(record.event, TcsEvent)
        return (
            Increment(SUMMARY, key, {"records": 1, "tcs_events": int(is_tcs)}),
            Min(SUMMARY, key, {"first_time": time}),
            Max(SUMMARY, key, {"last_time": time}),
        )

    return project
