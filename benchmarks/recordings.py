"""Importing a night database, beside a bare loop that reads, converts, encodes and produces."""

import io
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import fastavro
from confluent_kafka import Producer

from benchmarks.scene import events, fresh, pairs, rate, scene
from benchmarks.table import Row, against
from infra.importing import import_recording
from infra.indexing import night_index
from infra.log.cluster import Cluster
from infra.log.registry import Registry
from infra.settings import Settings
from infra.signals import stopping
from producers import Entry
from producers.formats import open_recording, writer_for
from schemas import avro, framing
from schemas.events.tcs import TcsEvent
from schemas.topics import OBSERVATORY

_QUERY = """
SELECT event_id, key, value FROM attribute ORDER BY event_id
"""


def rows(quick: bool = False) -> list[Row]:
    """Return the rates of importing 4-value events from SQLite, and Rubin's from JSON Lines."""
    with scene() as site, tempfile.TemporaryDirectory(prefix="evctl-bench-") as folder:
        night = Path(folder) / "night.db"
        count = 10_000 if quick else 100_000
        with writer_for("sqlite")(night) as writer:
            for number, event in enumerate(events(count), 1):
                writer.add(Entry(event, None, number))
        ours, bare = pairs(
            1 if quick else 5,
            lambda n: import_rate(site, f"ours{n}", night, count),
            lambda n: bare_rate(site, f"bare{n}", count, lambda: _read(night)),
        )
    return [against("import, SQLite, 4-value TcsEvent", ours, bare, "events/s", "bar: 0.6 of bare")]


def import_rate(site: Settings, name: str, night: Path, count: int) -> float:
    """Return how many of the recording's `count` events a second `evctl import` takes in."""
    cluster = fresh(site, name, [OBSERVATORY])
    index, registry = night_index(cluster, site), Registry(cluster)
    with stopping() as stop:
        recording = open_recording(night)
        return rate(
            count,
            lambda: import_recording(cluster, registry, index, recording, stop, lambda _: None),
        )


def bare_rate(
    site: Settings, name: str, count: int, read: Callable[[], Iterator[dict[str, Any]]]
) -> float:
    """Return how many a second a loop takes in that encodes what `read` yields and produces it."""
    cluster = fresh(site, name, [OBSERVATORY])
    return rate(count, lambda: _loop(cluster, cluster.producer(linger_ms=20), read()))


def _loop(cluster: Cluster, producer: Producer, read: Iterator[dict[str, Any]]) -> None:
    schema = avro.schema_of(TcsEvent)
    parsed = fastavro.parse_schema(avro.physical(schema))
    prefix = framing.prefix(avro.schema_id(schema))
    topic = OBSERVATORY.full_name(cluster.namespace)
    for event in read:
        buffer = io.BytesIO()
        buffer.write(prefix)
        fastavro.schemaless_writer(buffer, parsed, event)
        while True:
            try:
                producer.produce(topic, buffer.getvalue(), event["key"], 0)
                break
            except BufferError:
                producer.poll(0.05)
    producer.flush()


def _read(night: Path) -> Iterator[dict[str, Any]]:
    database = sqlite3.connect(night)
    for _, attributes in groupby(database.execute(_QUERY), itemgetter(0)):
        yield _event({key: value for _, key, value in attributes})
    database.close()


def _event(attributes: dict[str, str]) -> dict[str, Any]:
    taken = attributes.pop
    return {
        "data_time": round(float(taken("__data_time")) * 1e6),
        "wire_time": round(float(taken("__wire_time")) * 1e6),
        "system": taken("__system"),
        "source": taken("__source"),
        "key": taken("__key"),
        "more_data": taken("__data") == "true",
        "values": {name: _value(text) for name, text in attributes.items()},
        "original_text": {},
    }


def _value(text: str) -> int | float | str | bool:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text.lower(), text)
