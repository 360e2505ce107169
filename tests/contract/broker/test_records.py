"""Records as confluent-kafka writes and reads them."""

import threading
import time

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from tests.contract.broker.conftest import Clients, values_of

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_goes_in_and_comes_out(clients: Clients, codec: str) -> None:
    topic = clients.topic()
    values = [b"%06d" % n * 20 for n in range(2000)]
    clients.produce(topic, values, compression_type=codec, linger_ms=5)
    assert clients.read(topic, len(values)) == values


def test_key_headers_timestamp_and_null_value_are_kept(clients: Clients) -> None:
    topic = clients.topic()
    producer = clients.producer()
    headers: list[tuple[str, str | bytes | None]] = [("a", b"1"), ("b", None), ("a", b"")]
    producer.produce(topic, None, b"key", 0, timestamp=1_600_000_000_123, headers=headers)
    assert producer.flush(10) == 0
    consumer = clients.consumer()
    consumer.assign([TopicPartition(topic, 0, 0)])
    message = consumer.poll(10)
    consumer.close()
    assert message is not None
    assert (message.key(), message.value(), message.offset()) == (b"key", None, 0)
    assert message.headers() == headers
    assert message.timestamp()[1] == 1_600_000_000_123


@pytest.mark.parametrize("size", [1, 100_000, 20_000_000])
def test_sizes(clients: Clients, size: int) -> None:
    topic = clients.topic(max_message_bytes="30000000")
    value = b"x" * size
    options = {"message_max_bytes": 30_000_000}
    clients.produce(topic, [value, b"next"], **options)
    assert clients.read(topic, 2) == [value, b"next"]


def test_a_record_above_the_limit_of_its_topic_is_refused(clients: Clients) -> None:
    topic = clients.topic(max_message_bytes="1000")
    producer = clients.producer()
    refused: list[KafkaError | None] = []
    producer.produce(topic, b"x" * 2000, on_delivery=lambda error, _: refused.append(error))
    assert producer.flush(10) == 0
    assert refused[0] is not None
    assert refused[0].code() == KafkaError.MSG_SIZE_TOO_LARGE


def test_a_waiting_reader_is_woken_by_an_append(clients: Clients) -> None:
    topic = clients.topic()
    consumer = clients.consumer(fetch_wait_max_ms=20_000)
    consumer.assign([TopicPartition(topic, 0, 0)])
    assert consumer.poll(0.3) is None  # from now on its fetch waits in the broker
    began = time.monotonic()
    clients.produce(topic, [b"now"])
    assert values_of(consumer, 1) == [b"now"]
    assert time.monotonic() - began < 5
    consumer.close()


def test_a_topic_that_does_not_exist_is_an_error(clients: Clients) -> None:
    consumer = clients.consumer()
    with pytest.raises(KafkaException) as refused:
        consumer.get_watermark_offsets(TopicPartition("nowhere", 0), timeout=5)
    assert refused.value.args[0].code() in {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
    }
    consumer.close()
    assert "nowhere" not in clients.admin.list_topics(timeout=5).topics


def test_an_offset_outside_of_the_log_is_an_error(clients: Clients) -> None:
    topic = clients.topic()
    clients.produce(topic, [b"only"])
    consumer = clients.consumer(auto_offset_reset="error")
    consumer.assign([TopicPartition(topic, 0, 17)])
    message = consumer.poll(10)
    consumer.close()
    assert message is not None
    error = message.error()
    assert error is not None
    assert error.code() == KafkaError._AUTO_OFFSET_RESET


@pytest.mark.parametrize("codec", CODECS)
def test_offsets_for_times_are_exact(clients: Clients, codec: str) -> None:
    topic = clients.topic()
    producer = clients.producer(compression_type=codec, linger_ms=50)
    times = [1000, 3000, 2000, 5000, 4000]
    for step in range(100):
        for time_ms in times:
            producer.produce(topic, b"v" * 50, partition=0, timestamp=10_000 * step + time_ms)
    assert producer.flush(10) == 0
    consumer = clients.consumer()

    def offset_at(time_ms: int) -> int:
        (found,) = consumer.offsets_for_times([TopicPartition(topic, 0, time_ms)], timeout=10)
        return found.offset

    assert [offset_at(t) for t in (0, 1001, 3001, 5001, 500_000)] == [0, 1, 3, 5, 250]
    assert offset_at(10_000_000) == -1
    assert consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=5) == (0, 500)
    consumer.close()


def test_synced_topics_acknowledge_and_keep_their_order(clients: Clients) -> None:
    topic = clients.topic(flush_messages="1")
    values = [b"%d" % n for n in range(3000)]
    clients.produce(topic, values, linger_ms=0)
    assert clients.read(topic, len(values)) == values


def test_producers_of_one_partition_do_not_mix_their_records(clients: Clients) -> None:
    topic = clients.topic(segment_bytes="100000")
    names = [b"a", b"b", b"c"]

    def produce(name: bytes) -> None:
        clients.produce(topic, [name + b"%d" % n for n in range(3000)])

    threads = [threading.Thread(target=produce, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = clients.read(topic, 9000)
    for name in names:
        assert [v for v in found if v[:1] == name] == [name + b"%d" % n for n in range(3000)]
