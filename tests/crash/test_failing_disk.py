"""The disk refuses, or takes a part, in the middle of everything: nothing is half done."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, Producer, TopicPartition

from infra.broker import check, control
from infra.broker.control import Endpoint
from infra.kafka.node import free_port
from tests.contract.broker.conftest import Clients
from tests.crash.campaign import kill
from tests.crash.loads import QUICK, IdempotentLoad, create
from tests.waiting import WAIT_S

SMALL = {"segment.bytes": "30000", "index.interval.bytes": "400"}


class FailingBroker:
    """A broker whose disk fails when it is told to."""

    def __init__(self, root: Path, seed: int) -> None:
        self.data_dir = root / "log"
        self._switch = root / "switch"
        command = [sys.executable, "-m", "tests.crash.failing_broker", str(self._switch), str(seed)]
        command += [f"--data-dir={self.data_dir}", f"--log-file={self.data_dir / 'broker.log'}"]
        command += [f"--port={free_port()}"]  # which is free, too, when the next one is started
        self.process = subprocess.Popen(command, start_new_session=True)
        self.endpoint = self._wait()

    def _wait(self) -> Endpoint:
        deadline = time.monotonic() + WAIT_S
        while (endpoint := control.find(self.data_dir)) is None:
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return endpoint

    def fail(self, *what: str) -> None:
        """Let calls of a kind fail from now on; without one the disk is good again."""
        self._switch.write_text(" ".join(what))

    def log(self) -> str:
        return (self.data_dir / "broker.log").read_text()


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[Callable[[int], FailingBroker]]:
    """Starts brokers with such disks, and ends them."""
    started: list[FailingBroker] = []

    def start(seed: int) -> FailingBroker:
        started.append(FailingBroker(tmp_path, seed))
        return started[-1]

    yield start
    for broker in started:
        broker.process.kill()
        broker.process.wait()


@pytest.mark.parametrize("seed", range(3))
def test_writes_that_fail_anywhere_lose_and_double_nothing(
    broken: Callable[[int], FailingBroker], seed: int
) -> None:
    broker = broken(seed)
    load = IdempotentLoad(broker.endpoint, "load", SMALL)
    clients = Clients(broker.data_dir, broker.endpoint)
    consumer = clients.consumer(group_id="commits")
    for round_ in range(4):
        work(load, 0.2)
        broker.fail("write")
        work(load, 0.6)
        here = TopicPartition("load", 0)
        readable = clients.consumer().get_watermark_offsets(here, timeout=WAIT_S)
        assert len(clients.read("load", readable[1])) == readable[1], "readers are served"
        broker.fail()
        consumer.commit(offsets=[TopicPartition("load", 0, round_)], asynchronous=False)
    load.finish()
    verdict = load.verdict(broker.endpoint)
    assert verdict.is_clean, verdict
    assert "the disk refuses" in broker.log()
    assert "Traceback" not in broker.log()

    # and the same after a crash, with which all that was half done would come to light
    kill(broker.data_dir, broker.endpoint)
    broker.process.wait()
    endpoint = control.start(broker.data_dir, port=broker.endpoint.port)
    try:
        assert load.verdict(endpoint).is_clean
        committed = consumer.committed([TopicPartition("load", 0)], timeout=WAIT_S)[0].offset
        assert committed == 3
    finally:
        consumer.close()
        control.stop(broker.data_dir)
    findings = [f for v in check.verify(broker.data_dir, online=False) for f in v.findings]
    assert findings == []


def work(load: IdempotentLoad, seconds: float) -> None:
    """Let a load run for so long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        load.step()
        time.sleep(0.001)


def test_a_partition_that_could_not_be_synced_accepts_nothing_until_the_next_start(
    broken: Callable[[int], FailingBroker],
) -> None:
    broker = broken(0)
    create(broker.endpoint, "synced", {"flush.messages": "1"})
    clients = Clients(broker.data_dir, broker.endpoint)
    clients.produce("synced", [b"before"])
    broker.fail("sync")
    assert outcome(broker.endpoint, b"lost?") is not None
    broker.fail()
    assert outcome(broker.endpoint, b"too early") is not None, "another sync would prove nothing"
    assert clients.read("synced", 1) == [b"before"]
    assert "could not be synced" in broker.log()

    kill(broker.data_dir, broker.endpoint)
    broker.process.wait()
    endpoint = control.start(broker.data_dir, port=broker.endpoint.port)
    try:
        assert outcome(endpoint, b"after", WAIT_S) is None
        found = Clients(broker.data_dir, endpoint).read("synced", 2)
        assert found[0] == b"before"
    finally:
        control.stop(broker.data_dir)


def outcome(endpoint: Endpoint, value: bytes, within: float = 2) -> KafkaError | None:
    """Append a record and return how it went, within so many seconds."""
    outcomes: list[KafkaError | None] = []
    options = QUICK | {"message.timeout.ms": round(1000 * within), "linger.ms": 0}
    producer = Producer(endpoint.client_config() | options)
    producer.produce(
        "synced", value, partition=0, on_delivery=lambda error, _: outcomes.append(error)
    )
    assert producer.flush(2 * WAIT_S) == 0
    return outcomes[0]
