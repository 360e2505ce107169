"""Timestamps are the producer's, and offsets are found by them, to the record."""

from typing import Any

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, Consumer, TopicPartition

from tests.contract.broker.conftest import Clients

FOR_EVER: dict[str, Any] = {"retention_ms": "-1", "message_timestamp_after_max_ms": str(2**63 - 1)}
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


def produce_at(clients: Clients, topic: str, times: list[int], **options: object) -> None:
    """Append a record at each time (ms), as few batches as the client makes of them."""
    producer = clients.producer(linger_ms=50, **options)
    for time_ms in times:
        producer.produce(topic, b"v" * 50, partition=0, timestamp=time_ms)
    assert producer.flush(60) == 0


def offset_at(consumer: Consumer, topic: str, time_ms: int) -> int:
    (found,) = consumer.offsets_for_times([TopicPartition(topic, 0, time_ms)], timeout=60)
    return found.offset


@pytest.mark.parametrize("time_ms", [1, 1_600_000_000_123, 4_102_444_800_000])
def test_a_record_keeps_its_timestamp(clients: Clients, time_ms: int) -> None:
    topic = clients.topic(**FOR_EVER)
    produce_at(clients, topic, [time_ms])
    consumer = clients.consumer()
    consumer.assign([TopicPartition(topic, 0, 0)])
    message = consumer.poll(60)
    consumer.close()
    assert message is not None
    assert message.timestamp() == (TIMESTAMP_CREATE_TIME, time_ms)


@pytest.mark.parametrize("codec", CODECS)
def test_offsets_for_times_are_exact(clients: Clients, codec: str) -> None:
    topic = clients.topic(**FOR_EVER)
    times = [1000, 3000, 2000, 5000, 4000]  # out of order
    steps = [10_000 * step + time_ms for step in range(100) for time_ms in times]
    produce_at(clients, topic, steps, compression_type=codec)
    consumer = clients.consumer()
    asked = (0, 1001, 3001, 5001, 500_000)
    assert [offset_at(consumer, topic, t) for t in asked] == [0, 1, 3, 5, 250]
    assert offset_at(consumer, topic, 10_000_000) == -1
    assert consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=60) == (0, 500)
    consumer.close()


@pytest.mark.parametrize("codec", ["none", "lz4"])
def test_the_first_at_or_after_a_time_is_found_among_many_batches(
    clients: Clients, codec: str
) -> None:
    topic = clients.topic(index_interval_bytes="100", segment_bytes="1048576", **FOR_EVER)
    times = [10_000 - 37 * n % 10_000 for n in range(300)]
    producer = clients.producer(linger_ms=2, compression_type=codec)
    for first in range(0, 300, 10):
        for time_ms in times[first : first + 10]:
            producer.produce(topic, b"v" * 50, partition=0, timestamp=time_ms)
        assert producer.flush(60) == 0
    consumer = clients.consumer()
    for asked in range(1, 10_500, 250):
        expected = next((i for i, time_ms in enumerate(times) if time_ms >= asked), -1)
        assert offset_at(consumer, topic, asked) == expected, asked
    consumer.close()


def test_an_empty_partition_has_no_offset_for_a_time(clients: Clients) -> None:
    topic = clients.topic(**FOR_EVER)
    consumer = clients.consumer()
    assert offset_at(consumer, topic, 0) == -1
    consumer.close()


@pytest.mark.parametrize("codec", ["none", "zstd"])
def test_the_largest_timestamp_is_found(clients: Clients, codec: str) -> None:
    topic = clients.topic(**FOR_EVER)
    empty = clients.offset(topic, "max_timestamp")
    assert (empty.offset, empty.timestamp) == (-1, -1)
    produce_at(clients, topic, [1000, 9000, 2000, 9000, 3000], compression_type=codec)
    found = clients.offset(topic, "max_timestamp")
    assert (found.offset, found.timestamp) == (1, 9000)
