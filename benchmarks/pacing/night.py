"""A night in three topics of six partitions in all, whose events come at an even rate."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.against_kafka.servers import kafka
from benchmarks.scene import DUSK, events, scratch_log
from infra.log import reading, topics
from infra.log.cluster import Cluster, connect
from infra.log.reading import Place
from infra.log.registry import Registry
from infra.log.writing import Producer
from infra.settings import load
from infra.windows import Window
from schemas import avro, framing
from schemas.events.tcs import TcsEvent
from schemas.record import reported
from schemas.topics import ALERTS, IMPORTS, OBSERVATORY

LOGS = ("embedded", "Apache Kafka")
TOPICS = (OBSERVATORY, ALERTS, IMPORTS)
PLACES = [(topic.name, n) for topic in TOPICS for n in range(topic.partitions)]
EMBEDDED, KAFKA = LOGS


class Night(NamedTuple):
    """A recorded night: events/s, how many seconds, and the whole of it as a window."""

    cluster: Cluster
    rate: int
    seconds: int
    window: Window

    @property
    def events(self) -> int:
        """How many events it has."""
        return self.rate * self.seconds


@contextmanager
def log(kind: str) -> Iterator[Cluster]:
    """Yield an empty log, removed afterwards."""
    if kind == EMBEDDED:
        with scratch_log() as cluster:
            yield cluster
        return
    with tempfile.TemporaryDirectory(prefix="evctl-bench-") as folder:
        place = Path(folder)
        with kafka(place / "kafka") as server:
            servers = {"log.bootstrap_servers": server.client["bootstrap.servers"]}
            yield connect(load(None, None, servers, {}, place).settings)


def recorded(cluster: Cluster, rate: int, seconds: int) -> Night:
    """Write a night: each event to the next partition in turn, of about 140 bytes."""
    topics.ensure(cluster, TOPICS)
    number = Registry(cluster).register_event(TcsEvent)
    encode = avro.writer(TcsEvent, framing.prefix(number))
    producer = Producer(cluster, linger_ms=20)
    for n, event in enumerate(events(rate * seconds, rate)):
        name, partition = PLACES[n % len(PLACES)]
        headers = reported("bench", n)
        producer.send(name, encode(event), None, partition, event.data_time // 1000, headers)
    producer.flush()
    return Night(cluster, rate, seconds, Window(_spans(cluster)))


def _spans(cluster: Cluster) -> dict[Place, list[reading.Span]]:
    return {place: [span] for place, span in reading.whole(cluster, PLACES).items()}


def due(time: int) -> float:
    """Return how many seconds after the first event one of event time `time` (µs UTC) is due."""
    return (time - DUSK) / 1e6
