"""Publishing events, beside a bare loop of fastavro and confluent-kafka."""

import io
from dataclasses import asdict

import fastavro
from confluent_kafka import Producer

from benchmarks.scene import events, fresh, pairs, rate, scene
from benchmarks.table import Row, against
from infra.log.cluster import Cluster
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.settings import Settings
from schemas import avro, framing
from schemas.events.tcs import TcsEvent
from schemas.topics import OBSERVATORY


def rows(quick: bool = False) -> list[Row]:
    """Return the rate of publishing 4-value events, to a topic that is synced before the ack."""
    made = events(20_000 if quick else 200_000)
    with scene() as site:
        ours, bare = pairs(
            1 if quick else 5,
            lambda n: _ours(site, n, made),
            lambda n: _bare(site, n, made),
        )
    return [against("publish, 4-value TcsEvent", ours, bare, "events/s", "bar: 0.7 of bare")]


def _ours(site: Settings, number: int, made: list[TcsEvent]) -> float:
    cluster = fresh(site, f"ours{number}", [OBSERVATORY])
    publisher = Publisher(cluster, Registry(cluster), OBSERVATORY, "bench", linger_ms=5)
    _warm(publisher, made[0])

    def work() -> None:
        publish = publisher.publish
        for event in made:
            publish(event)
        publisher.flush()

    return rate(len(made), work)


def _warm(publisher: Publisher, event: TcsEvent) -> None:
    """Have the producer connected and numbered, which both loops need once."""
    publisher.publish(event)
    publisher.flush()


def _bare(site: Settings, number: int, made: list[TcsEvent]) -> float:
    cluster = fresh(site, f"bare{number}", [OBSERVATORY])
    plain = [asdict(event) for event in made]
    producer = cluster.producer(linger_ms=5)
    _loop(cluster, producer, plain[:1])
    return rate(len(plain), lambda: _loop(cluster, producer, plain))


def _loop(cluster: Cluster, producer: Producer, plain: list[dict[str, object]]) -> None:
    schema = avro.schema_of(TcsEvent)
    parsed = fastavro.parse_schema(avro.physical(schema))
    prefix = framing.prefix(avro.schema_id(schema))
    topic = OBSERVATORY.full_name(cluster.namespace)
    for event in plain:
        buffer = io.BytesIO()
        buffer.write(prefix)
        fastavro.schemaless_writer(buffer, parsed, event)
        while True:
            try:
                producer.produce(topic, buffer.getvalue(), "pas.Guider1.metrology_data", 0)
                break
            except BufferError:
                producer.poll(0.05)
    producer.flush()
