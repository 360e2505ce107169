"""Records as they were sent: values, keys, headers, sizes, codecs, and their order."""

import threading
from typing import Any

import pytest
from confluent_kafka import KafkaError, Message, TopicPartition

from tests.contract.broker.conftest import Clients, values_of

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
Headers = list[tuple[str, str | bytes | None]]


def sent_and_read(clients: Clients, **record: Any) -> Message:
    """Produce one record, and return it as a consumer gets it."""
    topic = clients.topic()
    producer = clients.producer()
    producer.produce(topic, partition=0, **record)
    assert producer.flush(60) == 0
    consumer = clients.consumer()
    consumer.assign([TopicPartition(topic, 0, 0)])
    message = consumer.poll(60)
    consumer.close()
    assert message is not None
    assert message.error() is None
    return message


@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_goes_in_and_comes_out(clients: Clients, codec: str) -> None:
    topic = clients.topic()
    values = [b"%06d" % n * 20 for n in range(2000)]
    clients.produce(topic, values, compression_type=codec, linger_ms=5)
    assert clients.read(topic, len(values)) == values


def test_codecs_may_change_from_batch_to_batch(clients: Clients) -> None:
    topic = clients.topic()
    for codec in CODECS:
        clients.produce(topic, [codec.encode() * 50] * 3, compression_type=codec)
    assert clients.read(topic, 15) == [codec.encode() * 50 for codec in CODECS for _ in range(3)]


@pytest.mark.parametrize("key", [b"key", b"", None, b"\0\xff" * 5000])
@pytest.mark.parametrize("value", [b"value", b"", None])
def test_keys_and_values_may_be_empty_or_null(
    clients: Clients, key: bytes | None, value: bytes | None
) -> None:
    message = sent_and_read(clients, key=key, value=value)
    assert (message.key(), message.value(), message.offset()) == (key, value, 0)


@pytest.mark.parametrize(
    "headers",
    [
        [("a", b"1")],
        [("a", b"1"), ("b", None), ("a", b""), ("a", b"1")],
        [("", b"no name"), ("größe", "Ω".encode())],
        [(f"h{n}", b"x" * n) for n in range(300)],
        [],
    ],
)
def test_headers_keep_their_order_and_their_repeats(clients: Clients, headers: Headers) -> None:
    assert (sent_and_read(clients, value=b"v", headers=headers).headers() or []) == headers


@pytest.mark.parametrize("codec", ["none", "zstd"])
@pytest.mark.parametrize("size", [1, 100, 10_000, 1_000_000, 20_000_000])
def test_sizes(clients: Clients, size: int, codec: str) -> None:
    topic = clients.topic(max_message_bytes="30000000")
    value = (b"%09d" % size * (size // 9 + 1))[:size]
    clients.produce(topic, [value, b"next"], message_max_bytes=30_000_000, compression_type=codec)
    assert clients.read(topic, 2) == [value, b"next"]


def test_a_batch_larger_than_a_fetch_is_read_all_the_same(clients: Clients) -> None:
    topic = clients.topic(max_message_bytes="5000000")
    values = [b"x" * 3_000_000, b"y" * 10, b"z" * 3_000_000]
    for value in values:
        clients.produce(topic, [value], message_max_bytes=5_000_000)
    limits = {"fetch_max_bytes": 1_000_000, "max_partition_fetch_bytes": 100_000}
    assert clients.read(topic, 3, message_max_bytes=1_000_000, **limits) == values


def test_a_record_above_the_limit_of_its_topic_is_refused(clients: Clients) -> None:
    topic = clients.topic(max_message_bytes="1000")
    producer = clients.producer()
    refused: list[KafkaError | None] = []
    producer.produce(topic, b"x" * 2000, on_delivery=lambda error, _: refused.append(error))
    assert producer.flush(60) == 0
    assert refused[0] is not None
    assert refused[0].code() == KafkaError.MSG_SIZE_TOO_LARGE
    clients.produce(topic, [b"small"])
    assert clients.read(topic, 1) == [b"small"]


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_producers_may_want_less_than_all_acks(clients: Clients, acks: str) -> None:
    topic = clients.topic()
    values = [b"%d" % n for n in range(500)]
    clients.produce(topic, values, enable_idempotence=False, acks=acks)
    assert clients.read(topic, len(values)) == values


def test_records_of_a_key_lie_in_one_partition_in_order(clients: Clients) -> None:
    topic = clients.topic(partitions=4)
    producer = clients.producer(partitioner="murmur2_random")
    for number in range(2000):
        producer.produce(topic, b"%d" % number, key=b"key-%d" % (number % 10))
    assert producer.flush(60) == 0
    consumer = clients.consumer()
    consumer.assign([TopicPartition(topic, p, 0) for p in range(4)])
    found: dict[bytes, list[tuple[int, int]]] = {}
    for _ in range(2000):
        message = consumer.poll(60)
        assert message is not None
        place = (message.partition() or 0, int(message.value() or b""))
        found.setdefault(message.key() or b"", []).append(place)
    consumer.close()
    for number in range(10):
        places = found[b"key-%d" % number]
        assert len({partition for partition, _ in places}) == 1
        assert [value for _, value in places] == list(range(number, 2000, 10))


def test_producers_of_one_partition_do_not_mix_their_records(clients: Clients) -> None:
    topic = clients.topic(segment_bytes="1048576")
    names = [b"a", b"b", b"c"]
    many = [b"%d" % n * 30 for n in range(3000)]

    def produce(name: bytes) -> None:
        clients.produce(topic, [name + value for value in many])

    threads = [threading.Thread(target=produce, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = clients.read(topic, 9000)
    for name in names:
        assert [v for v in found if v[:1] == name] == [name + value for value in many]


def test_synced_topics_acknowledge_and_keep_their_order(clients: Clients) -> None:
    topic = clients.topic(flush_messages="1")
    values = [b"%d" % n for n in range(1000)]
    clients.produce(topic, values, linger_ms=0)
    assert clients.read(topic, len(values)) == values


def test_what_is_read_while_it_is_written_has_no_gaps(clients: Clients) -> None:
    topic = clients.topic()
    consumer = clients.consumer()
    consumer.assign([TopicPartition(topic, 0, 0)])
    values = [b"%d" % n for n in range(5000)]
    writer = threading.Thread(target=clients.produce, args=(topic, values))
    writer.start()
    assert values_of(consumer, len(values)) == values
    writer.join()
    consumer.close()
