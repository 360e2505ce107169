"""The broker is killed under transactions: each is there once and whole, or not at all."""

import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from infra.broker import check, control
from infra.broker.control import Endpoint
from tests.crash.test_broker_kill import PARTITIONS, TOPIC, kill, tear

ROUNDS = 5
WAIT_S = 30


class Quiet:
    """Takes librdkafka's lines about lost connections, which are what this test makes."""

    def log(self, *_: object) -> None:
        """Drop a line."""


class Load:
    """A transactional producer that numbers its transactions, and how each of them ended."""

    def __init__(self, endpoint: Endpoint, chance: random.Random) -> None:
        options = {
            "transactional.id": "load",
            "transaction.timeout.ms": 60_000,
            "linger.ms": 0,
            "reconnect.backoff.ms": 20,
            "reconnect.backoff.max.ms": 100,
            "retry.backoff.ms": 20,
            "logger": Quiet(),
        }
        self.producer = Producer(endpoint.client_config() | options)
        self.chance = chance
        self.committed: list[int] = []
        self.sizes: list[int] = []
        self.producer.init_transactions(WAIT_S)

    def transaction(self) -> None:
        """Send some records to all partitions, and commit or abort them."""
        number, size = len(self.sizes), self.chance.randrange(1, 8)
        self.sizes.append(size)
        self.producer.begin_transaction()
        for part in range(size):
            for partition in range(PARTITIONS):
                self.producer.produce(TOPIC, b"%d-%d" % (number, part), partition=partition)
        if self.chance.random() < 0.7:
            if self.ends(self.producer.commit_transaction):
                self.committed.append(number)
                return
        elif self.ends(self.producer.abort_transaction):
            return
        assert self.ends(self.producer.abort_transaction)

    def ends(self, end: Callable[[float], None]) -> bool:
        """Try until it has ended; returns whether it has as it was to."""
        while True:
            try:
                end(WAIT_S)
            except KafkaException as refused:
                error = refused.args[0]
                if error.txn_requires_abort():
                    return False
                if not error.retriable():
                    raise
            else:
                return True

    def expected(self) -> list[bytes]:
        """Return what each partition must hold."""
        return [b"%d-%d" % (n, part) for n in self.committed for part in range(self.sizes[n])]


def tear_stores(data_dir: Path, chance: random.Random) -> None:
    """Leave behind the coordinator's files what a write that was cut short may leave."""
    for name in ("transactions.log", "committed-offsets.log"):
        lines = (data_dir / name).read_bytes().splitlines(keepends=True) or [b"0 []\n"]
        with (data_dir / name).open("ab") as file:
            file.write(chance.choice(lines)[: chance.randrange(1, 10)])


def read(endpoint: Endpoint, partition: int) -> list[bytes]:
    """Read all committed records of a partition."""
    options = {
        "group.id": "reader",
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
        "logger": Quiet(),
    }
    consumer = Consumer(endpoint.client_config() | options)
    here = TopicPartition(TOPIC, partition, 0)
    low, high = consumer.get_watermark_offsets(here, timeout=WAIT_S)
    options["isolation.level"] = "read_uncommitted"
    other = Consumer(endpoint.client_config() | options)
    assert other.get_watermark_offsets(here, timeout=WAIT_S) == (low, high), "something is open"
    other.close()
    consumer.assign([here])
    found: list[bytes] = []
    while True:
        message = consumer.poll(WAIT_S)
        assert message is not None
        if message.error() is None:
            found.append(message.value() or b"")
        elif message.offset() == high:
            consumer.close()
            return found


@pytest.mark.parametrize(
    ("seed", "configs"),
    [
        (1, {}),
        (2, {"segment.bytes": "6000", "index.interval.bytes": "500"}),
        (3, {"flush.messages": "1"}),
    ],
)
def test_every_transaction_is_there_once_and_whole_or_not_at_all(
    tmp_path: Path, seed: int, configs: dict[str, str]
) -> None:
    chance = random.Random(seed)
    data_dir = tmp_path / "log"
    endpoint = control.start(data_dir)
    try:
        admin = AdminClient({**endpoint.client_config()})
        admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1, config=configs)])[TOPIC].result()
        del admin
        load = Load(endpoint, random.Random(seed))
        ending = threading.Event()
        failed: list[BaseException] = []

        def work() -> None:
            try:
                while not ending.is_set():
                    load.transaction()
            except BaseException as fault:  # noqa: BLE001  shown by the test
                failed.append(fault)

        worker = threading.Thread(target=work)
        worker.start()
        for _ in range(ROUNDS):
            worker.join(chance.uniform(0.05, 0.5))
            kill(data_dir, endpoint)
            tear(data_dir, chance)
            tear_stores(data_dir, chance)
            endpoint = control.start(data_dir, port=endpoint.port)
        worker.join(0.5)
        ending.set()
        worker.join(WAIT_S)
        assert failed == []
        assert not worker.is_alive()
        assert load.committed
        for partition in range(PARTITIONS):
            assert read(endpoint, partition) == load.expected()
    finally:
        control.stop(data_dir)
    findings = [f for verified in check.verify(data_dir, online=False) for f in verified.findings]
    assert findings == []
