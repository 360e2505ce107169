"""Clients of a log, made for a test; the same for the embedded broker and Apache Kafka."""

import os
import time
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import ListOffsetsResultInfo, OffsetSpec
from confluent_kafka.cimpl import NewTopic

QUICK = {
    "log_level": 2,  # some tests see to it that a log is away
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 500,
    "socket.nagle.disable": True,
}
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw")
_numbers = count()


class Listening(Protocol):
    """Where a log listens, and what clients show it."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def pid(self) -> int: ...
    def client_config(self) -> dict[str, str]: ...


def client_config(endpoint: Listening, **options: Any) -> dict[str, Any]:
    """Return what connects a client; `_` stands for `.` in the names of options."""
    named = {name.replace("_", "."): value for name, value in options.items()}
    return endpoint.client_config() | QUICK | named


def unique(word: str) -> str:
    """Return a name that no other test of this run has."""
    return f"{word}-{_WORKER}-{next(_numbers)}"


class Clients:
    """Makes clients of one log."""

    def __init__(self, data_dir: Path, endpoint: Listening) -> None:
        self.data_dir = data_dir
        self.endpoint = endpoint
        self.admin = AdminClient(client_config(endpoint))
        self._kept: dict[tuple[tuple[str, Any], ...], Producer] = {}

    def topic(self, partitions: int = 1, **configs: str) -> str:
        """Create a topic of a name of its own; its segments may be smaller than Kafka's least."""
        name = unique("topic")
        settings = {key.replace("_", "."): value for key, value in configs.items()}
        if isinstance(self.endpoint, KafkaEndpoint) and "segment.bytes" in settings:
            settings["internal.segment.bytes"] = settings.pop("segment.bytes")
        self.admin.create_topics([NewTopic(name, partitions, 1, config=settings)])[name].result()
        self._wait_for_leaders(name, partitions)
        return name

    def _wait_for_leaders(self, topic: str, partitions: int) -> None:
        """Wait until clients are told who leads the partitions: Kafka needs an instant for that."""
        deadline = time.monotonic() + 60
        while True:
            found = self.admin.list_topics(topic, timeout=60).topics[topic].partitions.values()
            if len(found) == partitions and all(partition.leader >= 0 for partition in found):
                return
            assert time.monotonic() < deadline, f"no leaders of {topic}"

    def offset(self, topic: str, which: str, partition: int = 0) -> ListOffsetsResultInfo:
        """Ask for the `earliest`, the `latest` or the `max_timestamp` offset, as an admin."""
        place = TopicPartition(topic, partition)
        asked = {place: getattr(OffsetSpec, which)()}
        deadline = time.monotonic() + 60
        while True:
            try:
                found: ListOffsetsResultInfo = self.admin.list_offsets(asked)[place].result()
            except KafkaException as fault:  # Kafka's node may not know yet that it leads
                if not fault.args[0].retriable() or time.monotonic() > deadline:
                    raise
            else:
                return found

    def producer(self, **options: Any) -> Producer:
        """Return an idempotent producer."""
        return Producer(client_config(self.endpoint, **({"enable_idempotence": True} | options)))

    def consumer(self, **options: Any) -> Consumer:
        """Return a consumer that begins at the start and commits only when asked."""
        defaults = {
            "group_id": unique("group"),
            "auto_offset_reset": "earliest",
            "enable_auto_commit": False,
            "fetch_queue_backoff_ms": 10,
            "fetch_wait_max_ms": 100,
            "session_timeout_ms": 30_000,
        }
        return Consumer(client_config(self.endpoint, **(defaults | options)))

    def produce(self, topic: str, values: list[bytes], **options: Any) -> None:
        """Append values to partition 0 and wait until all are acknowledged.

        A producer is kept for the next values: a new one waits half a second for its number.
        """
        key = tuple(sorted(options.items()))
        producer = self._kept.pop(key, None) or self.producer(**options)
        failed: list[object] = []
        for value in values:
            producer.produce(
                topic,
                value,
                partition=0,
                on_delivery=lambda error, _: failed.append(error) if error else None,
            )
        assert producer.flush(60) == 0
        assert failed == []
        self._kept[key] = producer

    def read(self, topic: str, number: int, offset: int = 0, **options: Any) -> list[bytes]:
        """Read `number` values of partition 0."""
        consumer = self.consumer(**options)
        try:
            consumer.assign([TopicPartition(topic, 0, offset)])
            return values_of(consumer, number)
        finally:
            consumer.close()


def values_of(consumer: Consumer, number: int, timeout_s: float = 60) -> list[bytes]:
    """Poll until `number` records have come; fails when they do not."""
    found: list[bytes] = []
    while len(found) < number:
        message = consumer.poll(timeout_s)
        assert message is not None, f"{len(found)} of {number} records came"
        assert message.error() is None, message.error()
        found.append(message.value() or b"")
    return found


class KafkaEndpoint:
    """Apache Kafka, as `Clients` connect to it."""

    def __init__(self, bootstrap_servers: str, pid: int) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.pid = pid

    @property
    def host(self) -> str:
        """Host of the first node."""
        return self.bootstrap_servers.split(":")[0]

    @property
    def port(self) -> int:
        """Port of the first node."""
        return int(self.bootstrap_servers.split(",")[0].split(":")[1])

    def client_config(self) -> dict[str, str]:
        """Return the librdkafka properties that connect a client."""
        return {"bootstrap.servers": self.bootstrap_servers}
