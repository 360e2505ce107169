"""The broker is killed under load, again and again, and left with torn tails: no record is lost."""

import os
import random
import signal
import time
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from infra.broker import check, control, ownership
from infra.broker.control import Endpoint

TOPIC = "load"
PARTITIONS = 2
ROUNDS = 4


class Load:
    """An idempotent producer that numbers its records, and what was acknowledged of them."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.producer = Producer(endpoint.client_config() | QUIET_CLIENT)
        self.sent = 0
        self.acked: list[list[int]] = [[] for _ in range(PARTITIONS)]
        self.failed: list[KafkaError] = []

    def run(self, seconds: float) -> None:
        """Produce for so long, whether the broker lives or not."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if len(self.producer) < 2000:
                self._produce()
            self.producer.poll(0 if self.sent % 50 else 0.001)

    def _produce(self) -> None:
        number, partition = self.sent, self.sent % PARTITIONS
        self.sent += 1

        def acknowledged(error: KafkaError | None, _: object) -> None:
            if error is None:
                self.acked[partition].append(number)
            else:
                self.failed.append(error)

        self.producer.produce(TOPIC, b"%d" % number, partition=partition, on_delivery=acknowledged)


class _Quiet:
    """Takes librdkafka's lines about lost connections, which are what this test makes."""

    def log(self, *_: object) -> None:
        """Drop a line."""


QUIET_CLIENT: dict[str, object] = {
    "enable.idempotence": True,
    "linger.ms": 1,
    "message.timeout.ms": 60_000,
    "reconnect.backoff.ms": 20,
    "reconnect.backoff.max.ms": 100,
    "retry.backoff.ms": 20,
    "logger": _Quiet(),
}


def kill(data_dir: Path, endpoint: Endpoint) -> None:
    """End the broker without a chance to write anything."""
    os.kill(endpoint.pid, signal.SIGKILL)
    wait_until_free(data_dir)


def wait_until_free(data_dir: Path) -> None:
    """Wait for the end of a broker that was killed."""
    deadline = time.monotonic() + 10
    while ownership.is_owned(data_dir):
        assert time.monotonic() < deadline
        time.sleep(0.002)


def tear(data_dir: Path, chance: random.Random) -> None:
    """Leave behind each log what a write that was cut short may leave."""
    for partition in range(PARTITIONS):
        log = max((data_dir / f"{TOPIC}-{partition}").glob("*.log"))
        begun = log.read_bytes()[: chance.randrange(1, 60)] if chance.random() < 0.5 else b""
        with log.open("ab") as file:
            file.write(begun or chance.randbytes(chance.randrange(1, 900)))


def read(endpoint: Endpoint, partition: int, number: int) -> list[int]:
    """Read a partition from its start: `number` records, and what else there is."""
    options = {"group.id": "reader", "fetch.queue.backoff.ms": 5, "logger": _Quiet()}
    consumer = Consumer(endpoint.client_config() | options)
    here = TopicPartition(TOPIC, partition, 0)
    end = consumer.get_watermark_offsets(here, timeout=10)[1]
    assert end == number
    consumer.assign([here])
    found: list[int] = []
    while len(found) < end:
        for message in consumer.consume(1000, 1.0):
            assert message.error() is None
            found.append(int(message.value() or b""))
    consumer.close()
    return found


@pytest.mark.parametrize(
    ("seed", "configs"),
    [
        (1, {}),
        (2, {"segment.bytes": "60000", "index.interval.bytes": "500"}),
        (3, {"flush.messages": "1"}),
    ],
)
def test_every_acknowledged_record_is_there_once_and_in_order(
    tmp_path: Path, seed: int, configs: dict[str, str]
) -> None:
    chance = random.Random(seed)
    data_dir = tmp_path / "log"
    endpoint = control.start(data_dir)
    try:
        admin = AdminClient({**endpoint.client_config()})
        admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1, config=configs)])[TOPIC].result()
        del admin
        load = Load(endpoint)
        for _ in range(ROUNDS):
            load.run(chance.uniform(0.05, 0.4))
            kill(data_dir, endpoint)
            load.run(0.02)
            tear(data_dir, chance)
            endpoint = control.start(data_dir, port=endpoint.port)
        load.run(0.2)
        assert load.producer.flush(30) == 0
        assert load.failed == []
        assert sum(map(len, load.acked)) == load.sent
        for partition, acked in enumerate(load.acked):
            assert acked == list(range(partition, load.sent, PARTITIONS))
            assert read(endpoint, partition, len(acked)) == acked
    finally:
        control.stop(data_dir)
    findings = [f for verified in check.verify(data_dir, online=False) for f in verified.findings]
    assert findings == []
