"""kafka-python and aiokafka: two clients in Python that share no code with librdkafka."""

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic

from tests.contract.broker.conftest import Clients, unique

CODECS = [None, "gzip", "snappy", "lz4", "zstd"]


@pytest.fixture
def connection(clients: Clients) -> dict[str, Any]:
    """What connects a client."""
    told = clients.endpoint.client_config()
    return {
        "bootstrap_servers": told["bootstrap.servers"],
        "security_protocol": told["security.protocol"],
        "sasl_mechanism": told["sasl.mechanism"],
        "sasl_plain_username": told["sasl.username"],
        "sasl_plain_password": told["sasl.password"],
    }


@pytest.mark.parametrize("codec", CODECS)
def test_kafka_python_writes_and_reads(
    clients: Clients, connection: dict[str, Any], codec: str | None
) -> None:
    topic = clients.topic(retention_ms="-1")
    producer = KafkaProducer(**connection, compression_type=codec, linger_ms=20)
    headers = [("a", b"1"), ("a", b"")]
    for number in range(200):
        producer.send(topic, b"%d" % number, b"k", headers, partition=0, timestamp_ms=1000 + number)
    producer.close()
    assert clients.read(topic, 200) == [b"%d" % n for n in range(200)]
    consumer = KafkaConsumer(**connection, consumer_timeout_ms=60_000)
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    consumer.seek(partition, 50)
    for number in range(50, 200):
        record = next(consumer)
        assert (record.offset, record.value, record.key) == (number, b"%d" % number, b"k")
        assert (record.timestamp, list(record.headers)) == (1000 + number, headers)
    assert consumer.end_offsets([partition]) == {partition: 200}
    assert consumer.offsets_for_times({partition: 1100})[partition].offset == 100
    consumer.close()


def test_kafka_python_reads_as_a_group(clients: Clients, connection: dict[str, Any]) -> None:
    topic, group = clients.topic(partitions=3), unique("kafka-python")
    producer = clients.producer()
    for number in range(300):
        producer.produce(topic, b"%d" % number, partition=number % 3)
    assert producer.flush(60) == 0
    options = {"auto_offset_reset": "earliest", "enable_auto_commit": False, "group_id": group}
    consumer = KafkaConsumer(topic, **connection, **options, consumer_timeout_ms=60_000)
    found = [int(next(consumer).value) for _ in range(300)]
    assert sorted(found) == list(range(300))
    consumer.commit()
    assert consumer.committed(TopicPartition(topic, 0)) == 100
    consumer.close()


def test_kafka_python_administers(clients: Clients, connection: dict[str, Any]) -> None:
    name = unique("kafka-python")
    admin = KafkaAdminClient(**connection)
    admin.create_topics([NewTopic(name, num_partitions=2, replication_factor=1)])
    assert name in admin.list_topics()
    (described,) = admin.describe_topics([name])
    assert len(described["partitions"]) == 2
    admin.delete_topics([name])
    assert name not in admin.list_topics()
    admin.close()


@pytest.mark.parametrize("codec", CODECS)
def test_aiokafka_writes_and_reads(
    clients: Clients, connection: dict[str, Any], codec: str | None
) -> None:
    topic = clients.topic()

    async def there_and_back() -> list[bytes]:
        producer = AIOKafkaProducer(
            **connection, compression_type=codec, linger_ms=20, enable_idempotence=True
        )
        await producer.start()
        sent = [await producer.send(topic, b"%d" % n, partition=0) for n in range(200)]
        offsets = [(await future).offset for future in sent]
        await producer.stop()
        assert offsets == list(range(200))
        consumer = AIOKafkaConsumer(
            topic, **connection, auto_offset_reset="earliest", group_id=unique("aiokafka")
        )
        await consumer.start()
        found = [(await consumer.getone()).value for _ in range(200)]
        await consumer.commit()
        await consumer.stop()
        return found

    found = asyncio.run(asyncio.wait_for(there_and_back(), 90))
    assert found == [b"%d" % n for n in range(200)]
    assert clients.read(topic, 200) == found
