"""A night's archive written and brought back, beside bare loops of fastavro and librdkafka."""

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fastavro

from benchmarks.scene import DUSK, fresh, pairs, publish_night, rate, scene
from benchmarks.table import Row, against
from infra.archive.checking import check
from infra.archive.restoring import Restoring
from infra.archive.writing import Export
from infra.indexing import nights_of
from infra.log import reading
from infra.log.cluster import Cluster
from infra.log.registry import Registry
from infra.settings import Settings
from infra.signals import Stop
from infra.windows import read_index
from schemas import avro, framing
from schemas.events.tcs import TcsEvent
from schemas.topics import OBSERVATORY, RECORDED

_SCHEMA = avro.schema_of(TcsEvent)
_PLAIN = fastavro.parse_schema(avro.physical(_SCHEMA))


def rows(quick: bool = False) -> list[Row]:
    """Return the rates of exporting and of importing an archive of 4-value events."""
    count, rounds = (10_000, 1) if quick else (200_000, 5)
    with scene() as site, tempfile.TemporaryDirectory(prefix="evctl-bench-") as name:
        folder = Path(name)
        night = fresh(site, "night", RECORDED)
        publish_night(night, count, 1000.0)
        written, bare_written = pairs(
            rounds,
            lambda n: rate(count, lambda: _export(site, night, folder / f"ours{n}")),
            lambda n: rate(count, lambda: _bare_export(night, folder / f"bare{n}.avro")),
        )
        archive, plain = folder / "ours0", folder / "bare0.avro"
        brought, bare_brought = pairs(
            rounds,
            lambda n: rate(count, lambda: _import(site, fresh(site, f"o{n}", RECORDED), archive)),
            lambda n: rate(count, lambda: _bare_import(fresh(site, f"b{n}", RECORDED), plain)),
        )
    return [
        against("export, archive", written, bare_written, "events/s", "bare: no headers, no proof"),
        against("import, archive", brought, bare_brought, "events/s", "proven first, then added"),
    ]


def _export(site: Settings, cluster: Cluster, target: Path) -> None:
    nights = nights_of(site)
    index = read_index(cluster, nights, RECORDED)
    job = Export(cluster, Registry(cluster), index, nights.name(DUSK), None, target)
    with _stop() as stop:
        job.write(stop, lambda _: None)


def _import(site: Settings, cluster: Cluster, folder: Path) -> None:
    with _stop() as stop:
        held = check(folder, stop, lambda _: None)
        index = read_index(cluster, nights_of(site), RECORDED)
        Restoring(cluster, Registry(cluster), index, folder, held).run(stop, lambda _: None)


@contextmanager
def _stop() -> Iterator[Stop]:
    stop = Stop()
    yield stop
    stop.close()


def _bare_export(cluster: Cluster, path: Path) -> None:
    """Read the events, decode them, and let fastavro write them."""
    place = (OBSERVATORY.full_name(cluster.namespace), 0)
    spans = {place: [reading.whole(cluster, [place])[place]]}
    with path.open("wb") as file:
        fastavro.writer(file, _PLAIN, _decoded(cluster, spans), codec="deflate")


def _decoded(cluster: Cluster, spans: Any) -> Iterator[Any]:
    for batch in reading.messages(cluster, spans):
        for message in batch:
            value = io.BytesIO(message.value() or b"")
            value.seek(framing.HEADER_SIZE)
            yield fastavro.schemaless_reader(value, _PLAIN, None)


def _bare_import(cluster: Cluster, path: Path) -> None:
    """Let fastavro read the events, encode them, and produce them."""
    prefix = framing.prefix(avro.schema_id(_SCHEMA))
    topic = OBSERVATORY.full_name(cluster.namespace)
    producer = cluster.producer(linger_ms=20)
    with path.open("rb") as file:
        for event in fastavro.reader(file):
            buffer = io.BytesIO()
            buffer.write(prefix)
            fastavro.schemaless_writer(buffer, _PLAIN, event)
            while True:
                try:
                    producer.produce(topic, buffer.getvalue(), partition=0)
                    break
                except BufferError:
                    producer.poll(0.05)
    producer.flush()
