"""What clients do while the broker is killed: each kind of load knows what must be there after."""

import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from infra.broker.control import Endpoint
from tests.waiting import WAIT_S

PARTITIONS = 2


class Quiet:
    """Takes librdkafka's lines about lost connections, which are what these tests make."""

    def log(self, *_: object) -> None:
        """Drop a line."""


QUICK: dict[str, object] = {
    "message.timeout.ms": 60_000,
    "reconnect.backoff.ms": 20,
    "reconnect.backoff.max.ms": 100,
    "retry.backoff.ms": 20,
    "retry.backoff.max.ms": 100,
    "linger.ms": 1,
    "logger": Quiet(),
}


@dataclass(slots=True)
class Verdict:
    """What was found of what was acknowledged; only `acked` may be above zero."""

    load: str
    acked: int = 0
    lost: int = 0
    duplicated: int = 0
    disordered: int = 0
    refused: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether every record is there once and in order."""
        return self.acked > 0 and not (
            self.lost or self.duplicated or self.disordered or self.refused
        )


class Load(Protocol):
    """A kind of load; it goes on whether the broker lives or not."""

    topic: str

    @property
    def settled(self) -> int:
        """How much was acknowledged, or refused, until now."""

    def step(self) -> None:
        """Do a little; called thousands of times a second."""

    def finish(self) -> None:
        """Wait until all that was begun is settled."""

    def verdict(self, endpoint: Endpoint) -> Verdict:
        """Read everything back and compare."""


def create(endpoint: Endpoint, topic: str, configs: Mapping[str, str]) -> None:
    """Create a topic of two partitions."""
    admin = AdminClient({**endpoint.client_config()})
    admin.create_topics([NewTopic(topic, PARTITIONS, 1, config=dict(configs))])[topic].result()


class IdempotentLoad:
    """An idempotent producer that numbers its records."""

    def __init__(self, endpoint: Endpoint, topic: str, configs: Mapping[str, str]) -> None:
        create(endpoint, topic, configs)
        options = QUICK | {"enable.idempotence": True}
        self.topic = topic
        self.producer = Producer(endpoint.client_config() | options)
        self.sent = 0
        self.acked: list[list[int]] = [[] for _ in range(PARTITIONS)]
        self.failed: list[KafkaError] = []

    @property
    def settled(self) -> int:
        """How many records were acknowledged or refused until now."""
        return sum(map(len, self.acked)) + len(self.failed)

    def step(self) -> None:
        """Send a few records, unless many are under way."""
        for _ in range(5):
            if len(self.producer) < 1000:
                self._produce()
        self.producer.poll(0)

    def _produce(self) -> None:
        number, partition = self.sent, self.sent % PARTITIONS
        self.sent += 1

        def acknowledged(error: KafkaError | None, _: object) -> None:
            if error is None:
                self.acked[partition].append(number)
            else:
                self.failed.append(error)

        self.producer.produce(
            self.topic, b"%d" % number, partition=partition, on_delivery=acknowledged
        )

    def finish(self) -> None:
        """Wait for all acknowledgements."""
        assert self.producer.flush(WAIT_S) == 0

    def verdict(self, endpoint: Endpoint) -> Verdict:
        """Read both partitions from start to end."""
        found = Verdict(self.topic, refused=len(self.failed))
        for partition, acked in enumerate(self.acked):
            values = read(endpoint, self.topic, partition)
            counts = Counter(values)
            found.acked += len(acked)
            found.lost += len(set(acked) - counts.keys())
            found.duplicated += sum(number - 1 for number in counts.values())
            found.disordered += sum(b < a for a, b in pairwise(values))
            found.disordered += sum(b < a for a, b in pairwise(acked))
        return found


def read(endpoint: Endpoint, topic: str, partition: int) -> list[int]:
    """Read the numbers of a partition from its start to its end."""
    options = {"group.id": "reader", "fetch.queue.backoff.ms": 5, "logger": Quiet()}
    consumer = Consumer(endpoint.client_config() | options)
    here = TopicPartition(topic, partition, 0)
    end = consumer.get_watermark_offsets(here, timeout=WAIT_S)[1]
    consumer.assign([here])
    found: list[int] = []
    deadline = time.monotonic() + WAIT_S
    while len(found) < end and time.monotonic() < deadline:
        for message in consumer.consume(1000, 0.2):
            assert message.error() is None, message.error()
            found.append(int(message.value() or b""))
    consumer.close()
    assert len(found) >= end, f"{len(found)} of {end} records of {topic}[{partition}] came"
    return found


def tear(log: Path, chance: random.Random) -> None:
    """Leave behind a log what a write that was cut short may leave."""
    begun = log.read_bytes()[: chance.randrange(1, 60)] if chance.random() < 0.5 else b""
    with log.open("ab") as file:
        file.write(begun or chance.randbytes(chance.randrange(1, 900)))
