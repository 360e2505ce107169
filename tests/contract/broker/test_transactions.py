"""Transactions: what readers of committed records see, and who may write."""

import threading
import time
from collections.abc import Iterable
from contextlib import suppress

import pytest
from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)

from tests.contract.broker.conftest import Clients

TIMEOUT_S = 60


def begun(clients: Clients, transactional_id: str, **options: object) -> Producer:
    """Return a producer whose older instances are fenced."""
    producer = clients.producer(transactional_id=transactional_id, **options)
    producer.init_transactions(TIMEOUT_S)
    return producer


def write(
    producer: Producer, topic: str, values: Iterable[bytes], partition: int = 0
) -> list[KafkaError]:
    """Produce and wait for the acknowledgements; returns what was refused."""
    failed: list[KafkaError] = []
    for value in values:
        producer.produce(
            topic,
            value,
            partition=partition,
            on_delivery=lambda error, _: failed.append(error) if error else None,
        )
    assert producer.flush(TIMEOUT_S) == 0
    return failed


def committed_transaction(producer: Producer, topic: str, values: Iterable[bytes]) -> None:
    producer.begin_transaction()
    assert write(producer, topic, values) == []
    producer.commit_transaction(TIMEOUT_S)


def aborted_transaction(producer: Producer, topic: str, values: Iterable[bytes]) -> None:
    producer.begin_transaction()
    assert write(producer, topic, values) == []
    producer.abort_transaction(TIMEOUT_S)


COMMITTED, UNCOMMITTED = "read_committed", "read_uncommitted"


def end_of(clients: Clients, topic: str, isolation: str, partition: int = 0) -> int:
    """Return the end offset as readers of one isolation level see it."""
    consumer = clients.consumer(isolation_level=isolation)
    try:
        here = TopicPartition(topic, partition)
        end: int = consumer.get_watermark_offsets(here, timeout=TIMEOUT_S)[1]
        return end
    finally:
        consumer.close()


def await_outcomes(clients: Clients, topic: str, partition: int) -> None:
    """Wait until nothing is open: Kafka answers a commit before its markers are everywhere."""
    deadline = time.monotonic() + TIMEOUT_S
    while end_of(clients, topic, COMMITTED, partition) < end_of(
        clients, topic, UNCOMMITTED, partition
    ):
        assert time.monotonic() < deadline


def seen(
    clients: Clients,
    topic: str,
    partition: int = 0,
    *,
    isolation: str = COMMITTED,
    open_too: bool = False,
) -> list[bytes]:
    """Return all values that a reader gets between the start and the present end."""
    if not open_too:
        await_outcomes(clients, topic, partition)
    consumer = clients.consumer(isolation_level=isolation, enable_partition_eof=True)
    here = TopicPartition(topic, partition, 0)
    try:
        end = consumer.get_watermark_offsets(here, timeout=TIMEOUT_S)[1]
        consumer.assign([here])
        found: list[bytes] = []
        while True:
            message = consumer.poll(TIMEOUT_S)
            assert message is not None
            error = message.error()
            if error is None:
                found.append(message.value() or b"")
            elif error.code() == KafkaError._PARTITION_EOF:
                if (message.offset() or 0) >= end:
                    return found
            else:
                raise AssertionError(error)
    finally:
        consumer.close()


def numbered(name: str, number: int) -> list[bytes]:
    return [f"{name}-{i}".encode() for i in range(number)]


def test_a_committed_transaction_is_seen_whole(clients: Clients) -> None:
    topic = clients.topic()
    committed_transaction(begun(clients, f"{topic}-a"), topic, numbered("a", 5))
    assert seen(clients, topic) == numbered("a", 5)
    assert seen(clients, topic, isolation=UNCOMMITTED) == numbered("a", 5)


def test_an_aborted_transaction_is_hidden_from_readers_of_committed_records(
    clients: Clients,
) -> None:
    topic = clients.topic()
    producer = begun(clients, f"{topic}-a")
    aborted_transaction(producer, topic, numbered("gone", 5))
    committed_transaction(producer, topic, numbered("kept", 5))
    assert seen(clients, topic) == numbered("kept", 5)
    everything = numbered("gone", 5) + numbered("kept", 5)
    assert seen(clients, topic, isolation=UNCOMMITTED) == everything


def test_an_open_transaction_holds_readers_of_committed_records_back(clients: Clients) -> None:
    topic = clients.topic()
    producer = begun(clients, f"{topic}-a")
    clients.produce(topic, numbered("before", 2))
    producer.begin_transaction()
    assert write(producer, topic, numbered("open", 3)) == []
    clients.produce(topic, numbered("behind", 2))
    assert end_of(clients, topic, COMMITTED) == 2
    assert end_of(clients, topic, UNCOMMITTED) == 7
    assert seen(clients, topic, open_too=True) == numbered("before", 2)
    assert len(seen(clients, topic, isolation=UNCOMMITTED, open_too=True)) == 7
    producer.commit_transaction(TIMEOUT_S)
    expected = numbered("before", 2) + numbered("open", 3) + numbered("behind", 2)
    assert seen(clients, topic) == expected


def test_a_waiting_reader_gets_records_with_the_commit(clients: Clients) -> None:
    topic = clients.topic()
    producer = begun(clients, f"{topic}-a")
    consumer = clients.consumer(isolation_level=COMMITTED, fetch_wait_max_ms=10_000)
    consumer.assign([TopicPartition(topic, 0, 0)])
    producer.begin_transaction()
    assert write(producer, topic, [b"v"]) == []
    assert consumer.poll(0.2) is None
    producer.commit_transaction(TIMEOUT_S)
    message = consumer.poll(TIMEOUT_S)
    assert message is not None
    assert message.value() == b"v"
    consumer.close()


def test_a_transaction_spans_partitions_and_topics(clients: Clients) -> None:
    topics = [clients.topic(partitions=3), clients.topic(partitions=3)]
    producer = begun(clients, f"{topics[0]}-a")
    for outcome in ("abort", "commit", "abort", "commit"):
        producer.begin_transaction()
        for topic in topics:
            for partition in range(3):
                assert write(producer, topic, [f"{outcome}-{partition}".encode()], partition) == []
        if outcome == "commit":
            producer.commit_transaction(TIMEOUT_S)
        else:
            producer.abort_transaction(TIMEOUT_S)
    for topic in topics:
        for partition in range(3):
            assert seen(clients, topic, partition) == [f"commit-{partition}".encode()] * 2


def test_a_transaction_may_be_empty(clients: Clients) -> None:
    topic = clients.topic()
    producer = begun(clients, f"{topic}-a")
    for _ in range(3):
        producer.begin_transaction()
        producer.commit_transaction(TIMEOUT_S)
        producer.begin_transaction()
        producer.abort_transaction(TIMEOUT_S)
    committed_transaction(producer, topic, [b"v"])
    assert seen(clients, topic) == [b"v"]


def test_a_transaction_may_be_larger_than_a_segment(clients: Clients) -> None:
    topic = clients.topic(segment_bytes=str(1 << 20), max_message_bytes="100000")
    producer = begun(clients, f"{topic}-a", batch_size=50_000)
    large = [b"%04d" % i + b"x" * 10_000 for i in range(300)]
    aborted_transaction(producer, topic, large)
    committed_transaction(producer, topic, large)
    assert seen(clients, topic) == large


def test_producers_interleave(clients: Clients) -> None:
    topic = clients.topic()
    one, other = begun(clients, f"{topic}-one"), begun(clients, f"{topic}-other")
    plain = clients.producer()
    expected = []
    for step in range(10):
        one.begin_transaction()
        other.begin_transaction()
        for part in range(3):
            assert write(one, topic, [f"one-{step}-{part}".encode()]) == []
            assert write(other, topic, [f"other-{step}-{part}".encode()]) == []
            assert write(plain, topic, [f"plain-{step}-{part}".encode()]) == []
        one.commit_transaction(TIMEOUT_S)
        other.abort_transaction(TIMEOUT_S)
        for part in range(3):
            expected += [f"one-{step}-{part}".encode(), f"plain-{step}-{part}".encode()]
    assert seen(clients, topic) == expected


def test_a_reader_in_the_middle_of_an_aborted_transaction_sees_nothing_of_it(
    clients: Clients,
) -> None:
    topic = clients.topic()
    producer = begun(clients, f"{topic}-a", linger_ms=0)
    producer.begin_transaction()
    for value in numbered("gone", 6):
        assert write(producer, topic, [value]) == []
    producer.abort_transaction(TIMEOUT_S)
    committed_transaction(producer, topic, [b"kept"])
    for offset in range(8):
        assert clients.read(topic, 1, offset, isolation_level=COMMITTED) == [b"kept"]


def test_a_second_instance_fences_the_first(clients: Clients) -> None:
    topic = clients.topic()
    zombie = begun(clients, f"{topic}-a")
    zombie.begin_transaction()
    assert write(zombie, topic, numbered("zombie", 3)) == []
    successor = begun(clients, f"{topic}-a")
    with pytest.raises(KafkaException) as refused:
        zombie.commit_transaction(TIMEOUT_S)
    assert refused.value.args[0].code() in {KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH}
    assert refused.value.args[0].fatal()
    committed_transaction(successor, topic, [b"successor"])
    assert seen(clients, topic) == [b"successor"]


def test_a_fenced_instance_can_not_write(clients: Clients) -> None:
    topic = clients.topic()
    zombie = begun(clients, f"{topic}-a")
    committed_transaction(zombie, topic, [b"before"])
    successor = begun(clients, f"{topic}-a")
    committed_transaction(successor, topic, [b"successor"])
    zombie.begin_transaction()
    with pytest.raises(KafkaException) as refused:
        write(zombie, topic, [b"zombie"])
    assert refused.value.args[0].code() == KafkaError._FENCED
    assert seen(clients, topic) == [b"before", b"successor"]
    assert seen(clients, topic, isolation=UNCOMMITTED) == [b"before", b"successor"]


def test_a_transaction_that_takes_too_long_is_aborted_and_fenced(clients: Clients) -> None:
    topic = clients.topic()
    quick = {"transaction_timeout_ms": 1000, "message_timeout_ms": 1000}
    failed: list[KafkaError] | None = None
    while failed != []:  # on a busy machine the record itself may take too long
        producer = begun(clients, f"{topic}-a", **quick)
        producer.begin_transaction()
        with suppress(KafkaException):
            failed = write(producer, topic, [b"late"])
    clients.produce(topic, [b"plain"])
    # Kafka looks for such transactions every ten seconds
    assert clients.read(topic, 1, isolation_level=COMMITTED) == [b"plain"]
    with pytest.raises(KafkaException) as refused:
        producer.commit_transaction(TIMEOUT_S)
    assert refused.value.args[0].fatal()
    committed_transaction(begun(clients, f"{topic}-a"), topic, [b"next"])
    assert seen(clients, topic) == [b"plain", b"next"]


def test_a_timeout_above_the_limit_is_refused(clients: Clients) -> None:
    producer = clients.producer(
        transactional_id="too-long", transaction_timeout_ms=900_001, message_timeout_ms=1000
    )
    with pytest.raises(KafkaException) as refused:
        producer.init_transactions(TIMEOUT_S)
    assert refused.value.args[0].code() == KafkaError.INVALID_TRANSACTION_TIMEOUT


def test_a_transaction_is_synced_where_the_topic_asks_for_it(clients: Clients) -> None:
    synced, plain = clients.topic(flush_messages="1"), clients.topic()
    producer = begun(clients, f"{synced}-a")
    for step in range(5):
        producer.begin_transaction()
        for topic in (synced, plain):
            assert write(producer, topic, [b"%d" % step]) == []
        producer.commit_transaction(TIMEOUT_S)
    assert seen(clients, synced) == seen(clients, plain) == [b"%d" % i for i in range(5)]


def transform(
    clients: Clients, source: str, target: str, group: str, *, crash_after: int | None = None
) -> int:
    """Copy records from one topic to another, each with its offset, until none are left."""
    producer = begun(clients, f"{target}-worker")
    consumer = clients.consumer(group_id=group, isolation_level=COMMITTED)
    consumer.subscribe([source])
    copied = 0
    try:
        while copied != crash_after and remaining(clients, consumer, source):
            messages = consumer.consume(7, 0.1)
            if not messages:
                continue
            producer.begin_transaction()
            assert write(producer, target, [m.value() or b"" for m in messages]) == []
            positions = consumer.position(consumer.assignment())
            producer.send_offsets_to_transaction(positions, consumer.consumer_group_metadata())
            copied += 1
            if copied != crash_after:
                producer.commit_transaction(TIMEOUT_S)
    finally:
        consumer.close()
    return copied


def remaining(clients: Clients, consumer: Consumer, topic: str) -> int:
    """Return how many records the group has not yet committed."""
    (committed,) = consumer.committed([TopicPartition(topic, 0)], timeout=TIMEOUT_S)
    end = end_of(clients, topic, COMMITTED)
    return end - max(committed.offset, 0)


def test_consume_transform_produce_is_exactly_once(clients: Clients) -> None:
    source, target = clients.topic(), clients.topic()
    group = f"{source}-group"
    clients.produce(source, numbered("v", 100))
    # instances that end in the middle of a transaction, with records and offsets sent
    for crash_after in (1, 3, 2):
        assert transform(clients, source, target, group, crash_after=crash_after) == crash_after
    transform(clients, source, target, group)
    assert seen(clients, target) == numbered("v", 100)
    assert len(seen(clients, target, isolation=UNCOMMITTED)) > 100


def test_offsets_are_committed_with_the_transaction_only(clients: Clients) -> None:
    source, target = clients.topic(), clients.topic()
    group = f"{source}-group"
    clients.produce(source, numbered("v", 10))
    producer = begun(clients, f"{target}-a")
    consumer = clients.consumer(group_id=group)
    consumer.assign([TopicPartition(source, 0)])

    def committed() -> int:
        (found,) = consumer.committed([TopicPartition(source, 0)], timeout=TIMEOUT_S)
        offset: int = found.offset
        return offset

    def send(offset: int) -> None:
        producer.begin_transaction()
        assert write(producer, target, [b"%d" % offset]) == []
        positions = [TopicPartition(source, 0, offset)]
        producer.send_offsets_to_transaction(positions, consumer.consumer_group_metadata())

    send(3)
    producer.abort_transaction(TIMEOUT_S)
    assert committed() < 0
    send(5)
    producer.commit_transaction(TIMEOUT_S)
    assert committed() == 5  # it waits while the outcome is on its way
    send(7)
    waiting: list[int] = []
    reader = threading.Thread(target=lambda: waiting.append(committed()))
    reader.start()
    reader.join(0.3)  # a stable offset is waited for while the transaction is open
    assert waiting == []
    producer.commit_transaction(TIMEOUT_S)
    reader.join(TIMEOUT_S)
    assert waiting == [7]
    consumer.close()
