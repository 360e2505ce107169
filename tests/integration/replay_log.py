"""A log with recorded events in it, and what a replay made of them."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.registry import Registry
from infra.log.writing import Producer, Publisher
from schemas.events.tcs import TcsEvent
from schemas.record import Position, from_headers
from schemas.topics import ALERTS, OBSERVATORY, Topic

MIDNIGHT = 1_795_219_200_000_000  # 2026-11-21T00:00Z, in the night 2026-11-21 of HET
DAY = 86_400_000_000


class Carried(NamedTuple):
    """A record as it stands in a topic, without where it stands."""

    id: UUID
    partition: int
    key: bytes | None
    value: bytes | None
    millis: int


def tcs(time: int, key: str = "position") -> TcsEvent:
    """Return an event of about 140 bytes that happened at `time` (µs UTC)."""
    values = {"x": 0.5, "y": -0.25, "z": time / 7, "rho": 1e-3}
    return TcsEvent(
        time, time, "tcs", "tracker", key, more_data=False, values=values, original_text={}
    )


def publish(cluster: Cluster, times: Iterable[int], source: str = "tcs") -> None:
    """Append an event for each time to `observatory`, in the order given."""
    publisher = Publisher(cluster, Registry(cluster), OBSERVATORY, source)
    for number, time in enumerate(times):
        publisher.publish(tcs(time, key=f"k{number % 3}"))
    publisher.flush()


def send_foreign(cluster: Cluster, sent: Iterable[tuple[int, int, bytes]]) -> None:
    """Append values to `alerts` as a foreign client does: (partition, ms, value), no headers."""
    topics.ensure(cluster, [ALERTS])
    producer = Producer(cluster)
    for partition, millis, value in sent:
        producer.send(ALERTS.full_name(cluster.namespace), value, None, partition, millis, [])
    producer.flush()


def read(cluster: Cluster, topic: Topic) -> list[reading.Message]:
    """Return all messages of a topic, by partition and offset."""
    name = topic.full_name(cluster.namespace)
    places = [(name, n) for n in range(topics.describe(cluster, [name])[name].partitions)]
    spans = {place: [span] for place, span in reading.whole(cluster, places).items()}
    found = [message for batch in reading.messages(cluster, spans) for message in batch]
    return sorted(found, key=lambda message: (message.partition(), message.offset()))


def carried(messages: Iterable[reading.Message]) -> list[Carried]:
    """Return what has to be the same in a replay."""
    return [
        Carried(
            id_of(message),
            message.partition(),
            message.key(),
            message.value(),
            message.timestamp()[1],
        )
        for message in messages
    ]


def id_of(message: reading.Message) -> UUID:
    """Return a record's id."""
    position = Position(message.topic(), message.partition(), message.offset())
    return UUID(bytes=from_headers(message.headers(), position).id_bytes)


def replay_marks(messages: Sequence[reading.Message]) -> set[bytes | None]:
    """Return the replay ids that the messages carry."""
    return {dict(message.headers() or ()).get("replay") for message in messages}
