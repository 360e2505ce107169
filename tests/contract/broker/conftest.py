"""A broker of our own for each test module, and clients of it."""

import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from infra.broker import control
from infra.broker.control import Endpoint

QUICK = {
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 500,
    "socket.nagle.disable": True,
}


def client_config(endpoint: Endpoint, **options: Any) -> dict[str, Any]:
    """Return what connects a client; `_` stands for `.` in the names of options."""
    named = {name.replace("_", "."): value for name, value in options.items()}
    return endpoint.client_config() | QUICK | named


class Clients:
    """Makes clients of one broker."""

    def __init__(self, data_dir: Path, endpoint: Endpoint) -> None:
        self.data_dir = data_dir
        self.endpoint = endpoint
        self.admin = AdminClient(client_config(endpoint))
        self._numbers = count()

    def topic(self, partitions: int = 1, **configs: str) -> str:
        """Create a topic of a name of its own."""
        name = f"topic-{next(self._numbers)}"
        settings = {key.replace("_", "."): value for key, value in configs.items()}
        self.admin.create_topics([NewTopic(name, partitions, 1, config=settings)])[name].result()
        return name

    def producer(self, **options: Any) -> Producer:
        """Return an idempotent producer."""
        return Producer(client_config(self.endpoint, enable_idempotence=True, **options))

    def consumer(self, **options: Any) -> Consumer:
        """Return a consumer that begins at the start and commits only when asked."""
        defaults = {
            "group_id": f"group-{next(self._numbers)}",
            "auto_offset_reset": "earliest",
            "enable_auto_commit": False,
            "fetch_queue_backoff_ms": 10,
            "session_timeout_ms": 6000,
        }
        return Consumer(client_config(self.endpoint, **(defaults | options)))

    def produce(self, topic: str, values: list[bytes], **options: Any) -> None:
        """Append values to partition 0 and wait until all are acknowledged."""
        producer = self.producer(**options)
        failed: list[object] = []
        for value in values:
            producer.produce(
                topic,
                value,
                partition=0,
                on_delivery=lambda error, _: failed.append(error) if error else None,
            )
        assert producer.flush(20) == 0
        assert failed == []

    def read(self, topic: str, number: int, offset: int = 0, **options: Any) -> list[bytes]:
        """Read `number` values of partition 0."""
        consumer = self.consumer(**options)
        try:
            consumer.assign([TopicPartition(topic, 0, offset)])
            return values_of(consumer, number)
        finally:
            consumer.close()


def values_of(consumer: Consumer, number: int, timeout_s: float = 20) -> list[bytes]:
    """Poll until `number` records have come; fails when they do not."""
    found: list[bytes] = []
    while len(found) < number:
        message = consumer.poll(timeout_s)
        assert message is not None, f"{len(found)} of {number} records came"
        assert message.error() is None, message.error()
        found.append(message.value() or b"")
    return found


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of the module's broker."""
    return tmp_path_factory.mktemp("broker") / "log"


@pytest.fixture(scope="module")
def clients(data_dir: Path) -> Iterator[Clients]:
    """Clients of a broker that runs as long as the module's tests."""
    endpoint = control.start(data_dir, cleaning_interval_s=0.2)
    yield Clients(data_dir, endpoint)
    control.stop(data_dir)


@pytest.fixture
def start_broker() -> Iterator[Callable[..., Clients]]:
    """Starts brokers for one test, and stops them after it."""
    started: list[Path] = []

    def start(data_dir: Path, **options: Any) -> Clients:
        endpoint = control.start(data_dir, **options)
        started.append(data_dir)
        return Clients(data_dir, endpoint)

    yield start
    for path in started:
        control.stop(path)


@pytest.fixture
def kcat(clients: Clients, tmp_path: Path) -> Callable[..., str]:
    """Runs kcat against the module's broker and returns what it prints."""
    if shutil.which("kcat") is None:
        pytest.skip("needs kcat: there is no kcat on this machine (apt-get install kcat)")
    config = tmp_path / "kcat.conf"
    lines: Mapping[str, str] = clients.endpoint.client_config()
    config.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))

    def run(*arguments: str, stdin: str = "") -> str:
        done = subprocess.run(
            ["kcat", "-F", str(config), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
