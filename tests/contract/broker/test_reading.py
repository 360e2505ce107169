"""Where readers begin, pause and end: offsets, watermarks, assign, seek, waiting for records."""

import time

import pytest
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from tests.contract.broker.conftest import Clients, values_of


def numbers(first: int, end: int) -> list[bytes]:
    return [b"%d" % n for n in range(first, end)]


def poll_error(consumer: Consumer) -> KafkaError:
    message = consumer.poll(60)
    assert message is not None
    error = message.error()
    assert error is not None
    return error


def test_offsets_count_the_records(clients: Clients) -> None:
    topic = clients.topic()
    producer = clients.producer()
    offsets: list[int | None] = []
    for _ in range(100):
        producer.produce(
            topic, b"v", partition=0, on_delivery=lambda _, m: offsets.append(m.offset())
        )
    assert producer.flush(60) == 0
    assert offsets == list(range(100))


def test_watermarks_are_the_first_offset_and_the_next(clients: Clients) -> None:
    topic = clients.topic()
    consumer = clients.consumer()
    partition = TopicPartition(topic, 0)
    assert consumer.get_watermark_offsets(partition, timeout=60) == (0, 0)
    clients.produce(topic, numbers(0, 7))
    assert consumer.get_watermark_offsets(partition, timeout=60) == (0, 7)
    consumer.close()


@pytest.mark.parametrize(("which", "offset"), [("earliest", 0), ("latest", 7)])
def test_an_admin_may_ask_for_offsets(clients: Clients, which: str, offset: int) -> None:
    topic = clients.topic()
    clients.produce(topic, numbers(0, 7))
    assert clients.offset(topic, which).offset == offset


@pytest.mark.parametrize(
    ("offset", "first"), [(0, 0), (1, 1), (777, 777), (1999, 1999), (OFFSET_BEGINNING, 0)]
)
def test_reading_begins_at_the_record_asked_for(clients: Clients, offset: int, first: int) -> None:
    topic = clients.topic()
    clients.produce(topic, numbers(0, 2000), compression_type="lz4", linger_ms=20)
    assert clients.read(topic, 2000 - first, offset) == numbers(first, 2000)


def test_reading_may_begin_at_the_end(clients: Clients) -> None:
    topic = clients.topic()
    clients.produce(topic, numbers(0, 5))
    consumer = clients.consumer(enable_partition_eof=True)
    consumer.assign([TopicPartition(topic, 0, OFFSET_END)])
    assert poll_error(consumer).code() == KafkaError._PARTITION_EOF
    clients.produce(topic, [b"after"])
    assert values_of(consumer, 1) == [b"after"]
    consumer.close()


def test_the_end_is_told_once_all_is_read(clients: Clients) -> None:
    topic = clients.topic()
    clients.produce(topic, numbers(0, 50))
    consumer = clients.consumer(enable_partition_eof=True)
    consumer.assign([TopicPartition(topic, 0, 0)])
    assert values_of(consumer, 50) == numbers(0, 50)
    assert poll_error(consumer).code() == KafkaError._PARTITION_EOF
    consumer.close()


def test_seek_goes_back_and_forth(clients: Clients) -> None:
    topic = clients.topic()
    clients.produce(topic, numbers(0, 1000))
    consumer = clients.consumer()
    consumer.assign([TopicPartition(topic, 0, 0)])
    assert values_of(consumer, 10) == numbers(0, 10)
    for target in (500, 3, 999, 0):
        consumer.seek(TopicPartition(topic, 0, target))
        assert values_of(consumer, 1) == numbers(target, target + 1)
    consumer.close()


def test_a_paused_partition_gives_nothing_and_loses_nothing(clients: Clients) -> None:
    topic = clients.topic(partitions=2)
    producer = clients.producer()
    for number in range(200):
        producer.produce(topic, b"%d" % number, partition=number % 2)
    assert producer.flush(60) == 0
    consumer = clients.consumer()
    consumer.assign([TopicPartition(topic, 0, 0), TopicPartition(topic, 1, 0)])
    consumer.pause([TopicPartition(topic, 1)])
    assert values_of(consumer, 100) == [b"%d" % n for n in range(0, 200, 2)]
    consumer.resume([TopicPartition(topic, 1)])
    assert values_of(consumer, 100) == [b"%d" % n for n in range(1, 200, 2)]
    consumer.close()


def test_partitions_may_be_assigned_one_by_one(clients: Clients) -> None:
    topic = clients.topic(partitions=3)
    producer = clients.producer()
    for partition in range(3):
        producer.produce(topic, b"%d" % partition, partition=partition)
    assert producer.flush(60) == 0
    consumer = clients.consumer()
    for partition in (2, 0, 1):
        consumer.incremental_assign([TopicPartition(topic, partition, 0)])
        assert values_of(consumer, 1) == [b"%d" % partition]
    consumer.close()


def test_a_waiting_reader_is_woken_by_an_append(clients: Clients) -> None:
    topic = clients.topic()
    consumer = clients.consumer(fetch_wait_max_ms=50_000)
    consumer.assign([TopicPartition(topic, 0, 0)])
    assert consumer.poll(0.3) is None  # from now on its fetch waits in the log
    began = time.monotonic()
    clients.produce(topic, [b"now"])
    assert values_of(consumer, 1) == [b"now"]
    assert time.monotonic() - began < 40
    consumer.close()


def test_an_offset_outside_of_the_log_is_an_error(clients: Clients) -> None:
    topic = clients.topic()
    clients.produce(topic, [b"only"])
    consumer = clients.consumer(auto_offset_reset="error")
    consumer.assign([TopicPartition(topic, 0, 17)])
    assert poll_error(consumer).code() == KafkaError._AUTO_OFFSET_RESET
    consumer.close()


@pytest.mark.parametrize(("reset", "first"), [("earliest", 0), ("latest", 3)])
def test_a_reader_outside_of_the_log_may_begin_elsewhere(
    clients: Clients, reset: str, first: int
) -> None:
    topic = clients.topic()
    clients.produce(topic, numbers(0, 3))
    consumer = clients.consumer(auto_offset_reset=reset, enable_partition_eof=True)
    consumer.assign([TopicPartition(topic, 0, 17)])
    assert values_of(consumer, 3 - first) == numbers(first, 3)
    assert poll_error(consumer).code() == KafkaError._PARTITION_EOF
    consumer.close()


def test_a_topic_that_does_not_exist_is_an_error_and_is_not_made(clients: Clients) -> None:
    consumer = clients.consumer()
    with pytest.raises(KafkaException) as refused:
        consumer.get_watermark_offsets(TopicPartition("nowhere", 0), timeout=5)
    assert refused.value.args[0].code() in {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
    }
    consumer.subscribe(["nowhere"])
    assert poll_error(consumer).code() == KafkaError.UNKNOWN_TOPIC_OR_PART
    consumer.close()
    assert "nowhere" not in clients.admin.list_topics(timeout=60).topics


def test_a_partition_that_does_not_exist_is_an_error(clients: Clients) -> None:
    topic = clients.topic(partitions=2)
    producer = clients.producer()
    refused: list[KafkaError | None] = []
    try:
        producer.produce(
            topic, b"v", partition=2, on_delivery=lambda error, _: refused.append(error)
        )
        assert producer.flush(60) == 0
    except KafkaException as error:  # once the client knows the partitions, it refuses by itself
        refused.append(error.args[0])
    assert refused[0] is not None
    assert refused[0].code() == KafkaError._UNKNOWN_PARTITION
    with pytest.raises(KafkaException):
        clients.offset(topic, "latest", partition=2)
