"""The log dies and comes back while its clients stay: nothing acknowledged is lost or doubled."""

import threading
import time
from contextlib import suppress
from typing import Self

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer, TopicCollection, TopicPartition

from tests.contract.broker.conftest import Clients, unique, values_of
from tests.contract.broker.mortal import Mortal

DEATHS = 2


@pytest.fixture(scope="module")
def clients(mortal: Mortal) -> Clients:
    """Clients of a log that belongs to this module."""
    return mortal.clients


class Load:
    """Produces numbers to two partitions until it is told to stop."""

    def __init__(self, producer: Producer, topic: str) -> None:
        self.acked: list[list[bytes]] = [[], []]
        self.failed: list[KafkaError] = []
        self._producer = producer
        self._topic = topic
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def wait_for(self, number: int) -> None:
        """Wait until so many more are acknowledged."""
        deadline = time.monotonic() + 60
        wanted = self.number + number
        while self.number < wanted:
            assert time.monotonic() < deadline, f"{self.number} of {wanted}, {self.failed}"
            time.sleep(0.005)

    @property
    def number(self) -> int:
        """How many are acknowledged."""
        return sum(map(len, self.acked))

    def _run(self) -> None:
        number = 0
        while not self._stopped.is_set():
            if len(self._producer) < 500:
                self._produce(b"%d" % number, number % 2)
                number += 1
            self._producer.poll(0 if number % 50 else 0.002)
        assert self._producer.flush(60) == 0

    def _produce(self, value: bytes, partition: int) -> None:
        def acknowledged(error: KafkaError | None, _: object) -> None:
            if error is None:
                self.acked[partition].append(value)
            else:
                self.failed.append(error)

        self._producer.produce(self._topic, value, partition=partition, on_delivery=acknowledged)


@pytest.mark.slow
def test_an_idempotent_producer_loses_and_doubles_nothing(mortal: Mortal, clients: Clients) -> None:
    topic = clients.topic(partitions=2)
    producer = clients.producer(linger_ms=1, retry_backoff_ms=20, message_timeout_ms=90_000)
    with Load(producer, topic) as load:
        for _ in range(DEATHS):
            load.wait_for(2000)
            mortal.kill()
            mortal.start()
        load.wait_for(2000)
    assert load.failed == []
    for partition, acked in enumerate(load.acked):
        assert acked == [b"%d" % n for n in range(partition, 2 * len(acked), 2)]
        assert all_values(clients, topic, partition) == acked


def all_values(clients: Clients, topic: str, partition: int) -> list[bytes]:
    """Read all there is in a partition."""
    consumer = clients.consumer()
    here = TopicPartition(topic, partition, 0)
    _, end = consumer.get_watermark_offsets(here, timeout=60)
    consumer.assign([here])
    found = values_of(consumer, end)
    consumer.close()
    return found


def test_a_reader_goes_on_where_it_was(mortal: Mortal, clients: Clients) -> None:
    topic = clients.topic()
    clients.produce(topic, [b"%d" % n for n in range(10)])
    consumer = clients.consumer()
    consumer.assign([TopicPartition(topic, 0, 0)])
    assert values_of(consumer, 5) == [b"%d" % n for n in range(5)]
    mortal.kill()
    mortal.start()
    clients.produce(topic, [b"%d" % n for n in range(10, 20)])
    assert values_of(consumer, 15) == [b"%d" % n for n in range(5, 20)]
    consumer.close()


def test_what_was_known_is_known_again(mortal: Mortal, clients: Clients) -> None:
    topic, group = clients.topic(partitions=3, retention_ms="-1"), unique("group")
    producer = clients.producer(linger_ms=0)
    for number in range(200):
        producer.produce(topic, b"v" * 50, partition=0, timestamp=1000 + 10 * (number ^ 5))
        producer.poll(0)
    assert producer.flush(60) == 0
    consumer = clients.consumer(group_id=group)
    consumer.commit(offsets=[TopicPartition(topic, 0, 4, metadata="here")], asynchronous=False)
    consumer.close()
    before = what_is_known(clients, topic, group)
    assert before["committed"] == (4, "here")
    mortal.stop()
    mortal.start()
    wait_for_end(clients, topic, 200)
    assert what_is_known(clients, topic, group) == before


def what_is_known(clients: Clients, topic: str, group: str) -> dict[str, object]:
    """Ask for the ids of cluster and topic, partitions, a committed offset and offsets by time."""
    cluster = clients.admin.list_topics(topic, timeout=60)
    described = clients.admin.describe_topics(TopicCollection([topic]))[topic].result()
    consumer = clients.consumer(group_id=group)
    (committed,) = consumer.committed([TopicPartition(topic, 0)], timeout=60)
    times = [TopicPartition(topic, 0, time_ms) for time_ms in range(900, 3100, 70)]
    by_time = [consumer.offsets_for_times([time], timeout=60)[0].offset for time in times]
    consumer.close()
    return {
        "cluster": cluster.cluster_id,
        "partitions": sorted(cluster.topics[topic].partitions),
        "topic": str(described.topic_id),
        "committed": (committed.offset, committed.metadata),
        "by time": by_time,
    }


def wait_for_end(clients: Clients, topic: str, end: int) -> None:
    """Wait until a log that was just started shows all records again."""
    consumer = clients.consumer()
    deadline, shown = time.monotonic() + 60, -1
    while shown < end:
        assert time.monotonic() < deadline
        with suppress(KafkaException):  # a node may not know yet that it leads
            shown = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=60)[1]
    consumer.close()
