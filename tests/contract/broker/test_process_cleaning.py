"""A broker that cleans its logs while it is killed, checked and stopped."""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from confluent_kafka import OFFSET_BEGINNING, KafkaError, Producer, TopicPartition

from infra.broker import check, control, ownership
from tests.contract.broker.conftest import Clients, client_config
from tests.waiting import has_ended

ROUNDS = 5
KEYS = 40
SETTINGS: dict[str, Any] = {
    "cleanup_policy": "compact",
    "segment_bytes": "20000",
    "min_cleanable_dirty_ratio": "0.01",
}


class Load:
    """Writes rising numbers under a few keys, and knows the last one acknowledged of each."""

    def __init__(self, clients: Clients, topic: str) -> None:
        options = {"message_timeout_ms": 60_000, "retry_backoff_ms": 20, "linger_ms": 1}
        config = client_config(clients.endpoint, enable_idempotence=True, **options)
        self.producer = Producer(config | {"logger": _Quiet()})
        self.topic = topic
        self.sent = 0
        self.acked: dict[bytes, int] = {}
        self.failed: list[KafkaError] = []

    def run(self, seconds: float) -> None:
        """Produce for so long, whether the broker lives or not."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if len(self.producer) < 500:
                self._produce()
            self.producer.poll(0 if self.sent % 20 else 0.001)

    def _produce(self) -> None:
        number, key = self.sent, b"k%d" % (self.sent % KEYS)
        self.sent += 1

        def acknowledged(error: KafkaError | None, _: object) -> None:
            if error is None:
                self.acked[key] = number
            else:
                self.failed.append(error)

        value = b"%d" % number
        self.producer.produce(self.topic, value, key, partition=0, on_delivery=acknowledged)


class _Quiet:
    """Takes librdkafka's lines about lost connections, which are what this test makes."""

    def log(self, *_: object) -> None:
        """Drop a line."""


def read_all(clients: Clients, topic: str) -> list[tuple[bytes, int]]:
    """Read keys and numbers from the start to the end."""
    consumer = clients.consumer(enable_partition_eof=True)
    found: list[tuple[bytes, int]] = []
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    while True:
        message = consumer.poll(60)
        assert message is not None
        error = message.error()
        if error is not None:
            assert error.code() == KafkaError._PARTITION_EOF, error
            consumer.close()
            return found
        found.append((message.key() or b"", int(message.value() or b"-1")))


def test_a_killed_broker_loses_no_newest_value(
    start_broker: Callable[..., Clients], tmp_path: Path
) -> None:
    chance = random.Random(20)
    data_dir = tmp_path / "log"
    clients = start_broker(data_dir, cleaning_interval_s=0.05)
    topic = clients.topic(**SETTINGS)
    load = Load(clients, topic)
    for _ in range(ROUNDS):
        load.run(0.3 + chance.random())
        os.kill(clients.endpoint.pid, signal.SIGKILL)
        _wait(lambda: not ownership.is_owned(data_dir), "the lock outlives its process")
        clients = start_broker(data_dir, cleaning_interval_s=0.05)

    def compacted() -> bool:
        load.run(0.5)
        assert load.producer.flush(60) == 0
        assert load.failed == []
        newest, before = {}, -1
        found = read_all(clients, topic)
        for key, number in found:
            assert number > before
            newest[key], before = number, number
        assert newest == load.acked
        return len(found) < load.sent

    _wait(compacted, "nothing is compacted")
    _wait(lambda: _findings(data_dir) == [], "the check finds something")
    control.stop(data_dir)
    assert _findings(data_dir) == []


def _findings(data_dir: Path) -> list[str]:
    online = control.find(data_dir) is not None
    return [str(f) for v in check.verify(data_dir, online=online) for f in v.findings]


def _wait(done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def test_a_deleted_topic_is_no_longer_compacted(
    start_broker: Callable[..., Clients], tmp_path: Path
) -> None:
    clients = start_broker(tmp_path / "log", cleaning_interval_s=0.05)
    for _ in range(3):
        topic = clients.topic(**SETTINGS)
        load = Load(clients, topic)
        load.run(0.3)
        assert load.producer.flush(60) == 0
        clients.admin.delete_topics([topic])[topic].result(60)
        assert not (tmp_path / "log" / f"{topic}-0").exists()


def test_the_broker_leaves_no_process_behind(
    start_broker: Callable[..., Clients], tmp_path: Path
) -> None:
    data_dir = tmp_path / "log"
    clients = start_broker(data_dir, cleaning_interval_s=0.01)
    topic = clients.topic(**SETTINGS)
    load = Load(clients, topic)
    broker = psutil.Process(clients.endpoint.pid)
    seen: list[psutil.Process] = []

    def compacting() -> bool:
        load.run(0.05)
        seen.extend(broker.children())
        return bool(seen)

    _wait(compacting, "nothing is compacted")
    assert load.producer.flush(60) == 0
    seen.extend(broker.children())
    control.stop(data_dir)
    _wait(lambda: all(has_ended(child.pid) for child in seen), "a child lives on")
