"""The machine loses power under load: what was synced is there, the rest is a named tail."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from infra.broker import check, control
from infra.broker.control import Endpoint
from infra.kafka.node import free_port
from tests.contract.broker.conftest import Clients
from tests.crash.campaign import kill, wait_until_free
from tests.crash.loads import QUICK
from tests.crash.power import PowerLoss
from tests.waiting import WAIT_S

SYNCED, LOOSE = "synced", "loose"
TOPICS = {
    SYNCED: {"flush.messages": "1"},
    LOOSE: {"flush.ms": "150"},
}
SMALL_SEGMENTS = {"segment.bytes": "40000", "index.interval.bytes": "500"}


_STARTED: list[subprocess.Popen[bytes]] = []


@pytest.fixture(autouse=True)
def _ended() -> Iterator[None]:
    """Take leave of the brokers that were killed."""
    yield
    for process in _STARTED:
        process.kill()
        process.wait()
    _STARTED.clear()


def start_journaled(data_dir: Path, journal: Path, port: int) -> Endpoint:
    """Start a broker that writes down what it has synced."""
    command = [sys.executable, "-m", "tests.crash.journaled_broker", str(journal)]
    command += [f"--data-dir={data_dir}", f"--log-file={data_dir / control.LOG_FILE}"]
    command += [f"--port={port}"]
    process = subprocess.Popen(command, start_new_session=True)
    _STARTED.append(process)
    deadline = time.monotonic() + WAIT_S
    while (endpoint := control.find(data_dir)) is None:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return endpoint


class Load:
    """Numbers of one topic, in order, and up to which they were acknowledged."""

    def __init__(self, endpoint: Endpoint, topic: str) -> None:
        self.topic = topic
        self.sent = 0
        self.acked: list[int] = []
        self.failed: list[object] = []
        self.producer = Producer(endpoint.client_config() | QUICK | {"enable.idempotence": True})

    def step(self, ahead: int = 200) -> None:
        """Send one more, unless many are under way."""
        if len(self.producer) < ahead:
            number = self.sent
            self.sent += 1
            self.producer.produce(
                self.topic,
                b"%d " % number + bytes(100),
                partition=0,
                on_delivery=lambda error, _: (
                    self.acked.append(number) if error is None else self.failed.append(error)
                ),
            )
        self.producer.poll(0.001)


@pytest.mark.parametrize("lucky", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_what_was_synced_is_there_and_the_rest_is_a_named_tail(
    tmp_path: Path, seed: int, lucky: bool
) -> None:
    chance = random.Random(seed)
    data_dir, journal = tmp_path / "log", tmp_path / "journal"
    endpoint = start_journaled(data_dir, journal, free_port())
    try:
        admin = AdminClient({**endpoint.client_config()})
        topics = [NewTopic(t, 1, 1, config=c | SMALL_SEGMENTS) for t, c in TOPICS.items()]
        for created in admin.create_topics(topics).values():
            created.result()
        del admin
        loads = [Load(endpoint, topic) for topic in TOPICS]
        run(loads, chance.uniform(0.2, 0.8))
        if seed % 2:
            # a crash before: what was found then, in the cache, was never synced
            kill(data_dir, endpoint)
            endpoint = start_journaled(data_dir, journal, endpoint.port)
            run(loads, chance.uniform(0.1, 0.5))
        os.kill(endpoint.pid, signal.SIGKILL)
        wait_until_free(data_dir)
        PowerLoss(journal, chance, lucky=lucky).strike(data_dir)
        synced, loose = loads
        loose.producer.purge()  # what it believes to be there may be lost: Kafka's would end too
        loose.producer.flush(5)

        endpoint = control.start(data_dir, port=endpoint.port)
        clients = Clients(data_dir, endpoint)
        assert synced.producer.flush(WAIT_S) == 0
        assert synced.failed == []
        for load in loads:
            assert load.acked == list(range(len(load.acked)))
            here = TopicPartition(load.topic, 0)
            end = clients.consumer().get_watermark_offsets(here, timeout=WAIT_S)[1]
            values = [int(v.split()[0]) for v in clients.read(load.topic, end)]
            assert values == list(range(end)), "what is there is a beginning of what was sent"
            clients.produce(load.topic, [b"-1 after"])
            assert clients.read(load.topic, 1, offset=end) == [b"-1 after"]
            if load is synced:
                assert end == load.sent == len(load.acked)
        log = (data_dir / control.LOG_FILE).read_text()
        for lost in re.findall(r"loose-0: offsets (\d+) … (\d+) at least are lost", log):
            assert int(lost[0]) <= int(lost[1])
    finally:
        control.stop(data_dir)
    findings = [f for verified in check.verify(data_dir, online=False) for f in verified.findings]
    assert findings == []


def run(loads: list[Load], seconds: float) -> None:
    """Produce for so long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for load in loads:
            load.step()
