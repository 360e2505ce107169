"""What becomes of old records: deleted on request, by age, by size, and compacted by key."""

import time
from collections.abc import Sequence
from typing import Any

import pytest
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from tests.contract.broker.conftest import Clients, values_of
from tests.waiting import until

DAY_MS = 86_400_000
QUICK: dict[str, Any] = {
    "cleanup_policy": "compact",
    "min_cleanable_dirty_ratio": "0.01",
    "segment_ms": "100",
}


def watermarks(consumer: Consumer, topic: str) -> tuple[int, int]:
    """Ask for the first offset and the one behind the last."""
    found: tuple[int, int] = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=60)
    return found


def delete_before(clients: Clients, topic: str, offset: int) -> int:
    """Delete records; returns the new first offset, raises the refusal."""
    asked = TopicPartition(topic, 0, offset)
    (answer,) = clients.admin.delete_records([asked]).values()
    return int(answer.result(60).low_watermark)


def keyed(
    clients: Clients, topic: str, records: Sequence[tuple[str, str | None]], **options: object
) -> None:
    """Append records with keys, each in a batch of its own, and wait until they are kept."""
    producer = clients.producer(batch_num_messages=1, **options)
    failed: list[object] = []
    for key, value in records:
        producer.produce(
            topic,
            None if value is None else value.encode(),
            key.encode(),
            partition=0,
            headers={"h": key},
            on_delivery=lambda error, _: failed.append(error) if error else None,
        )
        producer.flush(60)
    assert failed == []


def contents(clients: Clients, topic: str) -> list[tuple[int, str, str | None]]:
    """Read a partition from its start to the end it has now."""
    consumer = clients.consumer(enable_partition_eof=True)
    found: list[tuple[int, str, str | None]] = []
    try:
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        while True:
            message = consumer.poll(60)
            assert message is not None
            error = message.error()
            if error is not None:
                assert error.code() == KafkaError._PARTITION_EOF, error
                return found
            found.append(_row(message))
    finally:
        consumer.close()


def _row(message: Message) -> tuple[int, str, str | None]:
    key, value, offset = message.key(), message.value(), message.offset()
    assert key is not None
    assert offset is not None
    assert message.headers() == [("h", key)]
    return offset, key.decode(), None if value is None else value.decode()


def test_records_are_deleted_before_an_offset(clients: Clients) -> None:
    topic = clients.topic()
    clients.produce(topic, [b"%d" % number for number in range(10)])
    assert delete_before(clients, topic, 4) == 4
    assert delete_before(clients, topic, 2) == 4
    consumer = clients.consumer()
    assert watermarks(consumer, topic) == (4, 10)
    assert clients.read(topic, 6, OFFSET_BEGINNING) == [b"%d" % n for n in range(4, 10)]
    consumer.close()


def test_all_records_are_deleted_and_offsets_go_on(clients: Clients) -> None:
    topic = clients.topic()
    clients.produce(topic, [b"old"] * 5)
    assert delete_before(clients, topic, OFFSET_END) == 5
    consumer = clients.consumer()
    assert watermarks(consumer, topic) == (5, 5)
    clients.produce(topic, [b"new"])
    assert watermarks(consumer, topic) == (5, 6)
    assert clients.read(topic, 1, OFFSET_BEGINNING) == [b"new"]
    consumer.close()


def test_nothing_is_deleted_beyond_the_end(clients: Clients) -> None:
    topic = clients.topic()
    clients.produce(topic, [b"kept"] * 3)
    with pytest.raises(KafkaException) as refused:
        delete_before(clients, topic, 4)
    assert refused.value.args[0].code() == KafkaError.OFFSET_OUT_OF_RANGE
    assert clients.read(topic, 3) == [b"kept"] * 3


def test_a_compacted_topic_deletes_nothing_on_request(clients: Clients) -> None:
    topic = clients.topic(cleanup_policy="compact")
    keyed(clients, topic, [("a", "1")])
    with pytest.raises(KafkaException) as refused:
        delete_before(clients, topic, 1)
    assert refused.value.args[0].code() == KafkaError.POLICY_VIOLATION


def test_a_reader_below_the_start_is_told(clients: Clients) -> None:
    topic = clients.topic()
    clients.produce(topic, [b"v"] * 5)
    delete_before(clients, topic, 3)
    consumer = clients.consumer(auto_offset_reset="error")
    consumer.assign([TopicPartition(topic, 0, 1)])
    message = consumer.poll(60)
    assert message is not None
    error = message.error()
    assert error is not None
    assert error.code() in {KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET}
    consumer.close()


def test_a_time_before_the_start_leads_to_the_start(clients: Clients) -> None:
    topic = clients.topic(retention_ms="-1")
    producer = clients.producer()
    for number in range(6):
        producer.produce(topic, b"v", partition=0, timestamp=1000 * (number + 1))
    assert producer.flush(60) == 0
    delete_before(clients, topic, 3)
    consumer = clients.consumer()
    (found,) = consumer.offsets_for_times([TopicPartition(topic, 0, 1000)], timeout=60)
    assert found.offset == 3
    (found,) = consumer.offsets_for_times([TopicPartition(topic, 0, 5000)], timeout=60)
    assert found.offset == 4
    consumer.close()


def test_old_records_go_and_young_ones_stay(clients: Clients) -> None:
    topic = clients.topic(retention_ms=str(DAY_MS), segment_bytes="1048576", segment_ms="3600000")
    now_ms = round(time.time() * 1000)  # noqa: TID251  as old as the broker's clock says
    producer = clients.producer()
    for age_days in (10, 5, 0):
        for _ in range(3):
            time_ms = now_ms - age_days * DAY_MS
            producer.produce(topic, b"%d" % age_days, partition=0, timestamp=time_ms)
        assert producer.flush(60) == 0
    consumer = clients.consumer()
    until(lambda: watermarks(consumer, topic)[0] == 6, "the old segments are still there")
    assert clients.read(topic, 3, OFFSET_BEGINNING) == [b"0"] * 3
    assert watermarks(consumer, topic) == (6, 9)
    consumer.close()


def test_a_log_that_is_old_as_a_whole_is_emptied(clients: Clients) -> None:
    topic = clients.topic(retention_ms="1000")
    producer = clients.producer()
    producer.produce(topic, b"old", partition=0, timestamp=1000)
    assert producer.flush(60) == 0
    consumer = clients.consumer()
    until(lambda: watermarks(consumer, topic) == (1, 1), "the record is still there")
    producer.produce(topic, b"again", partition=0)  # the same producer: its sequence is known
    assert producer.flush(60) == 0
    assert watermarks(consumer, topic)[1] == 2
    consumer.close()


def test_a_topic_that_keeps_for_ever_keeps_the_oldest(clients: Clients) -> None:
    kept = clients.topic(retention_ms="-1", segment_ms="1000")
    other = clients.topic(retention_ms="1000", segment_ms="1000")
    producer = clients.producer()
    for topic in (kept, other):
        for number in range(5):
            producer.produce(topic, b"%d" % number, partition=0, timestamp=10_000 * (number + 1))
            assert producer.flush(60) == 0
    consumer = clients.consumer()
    until(lambda: watermarks(consumer, other) == (5, 5), "old records are still there")
    assert watermarks(consumer, kept) == (0, 5)
    assert clients.read(kept, 5) == [b"%d" % number for number in range(5)]
    consumer.close()


def test_a_log_does_not_outgrow_its_topic(clients: Clients) -> None:
    topic = clients.topic(retention_bytes="3000000", segment_bytes="1048576")
    values = [bytes([number]) * 200_000 for number in range(30)]
    clients.produce(topic, values, linger_ms=0, batch_num_messages=1)
    consumer = clients.consumer()
    until(lambda: watermarks(consumer, topic)[0] > 10, "the first segments are still there")
    start, end = watermarks(consumer, topic)
    assert end == 30
    assert (end - start) * 200_000 >= 2_900_000
    found = clients.read(topic, end - start, OFFSET_BEGINNING)
    assert found == values[start:]
    consumer.close()


def test_of_each_key_the_last_value_stays(clients: Clients) -> None:
    topic = clients.topic(**QUICK)
    sent = [(f"k{number % 3}", str(number)) for number in range(12)]
    keyed(clients, topic, sent)
    wanted = {(offset, *sent[offset]) for offset in (9, 10, 11)}

    def compacted() -> bool:
        # a segment is closed by the next batch that comes after its time
        time.sleep(0.2)
        keyed(clients, topic, [("tick", "t")])
        found = [row for row in contents(clients, topic) if row[1] != "tick"]
        assert wanted <= set(found)
        assert found == sorted(found)
        return set(found) == wanted

    until(compacted, "older values are still there")


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_compressed_batches_are_compacted(clients: Clients, codec: str) -> None:
    topic = clients.topic(**QUICK)
    producer = clients.producer(compression_type=codec, linger_ms=100)
    for number in range(400):
        key, value = f"k{number % 4}", f"{number}" + "x" * 200
        producer.produce(topic, value, key, partition=0, headers={"h": key})
    assert producer.flush(60) == 0

    def compacted() -> bool:
        time.sleep(0.2)
        keyed(clients, topic, [("tick", "t")])
        found = [row for row in contents(clients, topic) if row[1] != "tick"]
        assert [row[0] for row in found[-4:]] == [396, 397, 398, 399]
        return len(found) == 4

    until(compacted, "older values are still there")


def test_tombstones_go_too(clients: Clients) -> None:
    topic = clients.topic(**QUICK, delete_retention_ms="100")
    keyed(clients, topic, [("a", "1"), ("b", "2"), ("a", None)])

    def gone() -> bool:
        time.sleep(0.2)
        keyed(clients, topic, [("tick", "t")])
        found = [row for row in contents(clients, topic) if row[1] != "tick"]
        assert (1, "b", "2") in found
        return found == [(1, "b", "2")]

    until(gone, "the tombstone is still there")


def test_a_compacted_topic_wants_keys(clients: Clients) -> None:
    topic = clients.topic(cleanup_policy="compact")
    refusals: list[KafkaError | None] = []
    producer = clients.producer()
    producer.produce(topic, b"v", partition=0, on_delivery=lambda error, _: refusals.append(error))
    producer.flush(60)
    (refusal,) = refusals
    assert refusal is not None
    assert refusal.code() == KafkaError.INVALID_RECORD


def test_a_reader_waits_over_a_deletion(clients: Clients) -> None:
    topic = clients.topic()
    clients.produce(topic, [b"old"] * 5)
    consumer = clients.consumer()
    consumer.assign([TopicPartition(topic, 0, 0)])
    assert values_of(consumer, 5) == [b"old"] * 5
    delete_before(clients, topic, OFFSET_END)
    clients.produce(topic, [b"new"])
    assert values_of(consumer, 1) == [b"new"]
    consumer.close()
