"""Where each night's records are in the log, whenever they came: windows by night and time use it.

A night's offsets are kept in chunks of 65,536, so that a few late records of an old night do not
stretch its range over everything in between.
"""

from collections.abc import Callable, Sequence
from functools import cache

from sqlalchemy import MetaData, Table

from projections import Change, Digest, Increment, Max, Min, OfNight, View
from projections.columns import MAX_TOPIC, NIGHT, text, whole
from schemas.nights import Nights, name_of
from schemas.record import AnyRecord
from schemas.topics import RECORDED, bare_name

CHUNK = 65_536

INDEX = Table(
    "night_index",
    MetaData(),
    text("night", NIGHT, "the date that names the night", key=True),
    text("topic", MAX_TOPIC, "the topic's name without namespace", key=True),
    whole("kafka_partition", "the topic's partition", key=True),
    whole("chunk", f"the offsets' chunk: offset divided by {CHUNK}", key=True),
    whole("first_offset", "lowest offset of the night's records in the chunk"),
    whole("last_offset", "highest offset of the night's records in the chunk"),
    whole("records", "how many records of the night are in the chunk"),
)


def view(nights: Nights) -> View:
    """Return the view `night_index`; its digest leaves out where the records stand."""
    return View(
        name="night_index",
        version=1,
        topics=tuple(topic.name for topic in RECORDED),
        tables=(INDEX,),
        project=projector(nights),
        of_night=OfNight("night", nights),
        settings=f"nights from {nights.boundary_hour} h, named by {nights.named_by}",
        digests=(Digest("night_index", ("night", "topic", "kafka_partition"), ("records",)),),
    )


def projector(nights: Nights) -> Callable[[AnyRecord], Sequence[Change]]:
    """Return the view's function for a site's nights."""
    number, name = nights.number, cache(name_of)

    def project(record: AnyRecord) -> Sequence[Change]:
        topic, partition, offset = record.position
        key = (name(number(record.time)), bare_name(topic), partition, offset // CHUNK)
        return (
            Min(INDEX, key, {"first_offset": offset}),
            Max(INDEX, key, {"last_offset": offset}),
            Increment(INDEX, key, {"records": 1}),
        )

    return project
