"""Kafka's own tools that change topics: partitions, settings, and records that are deleted."""

from collections.abc import Callable
from pathlib import Path

from confluent_kafka import TopicPartition

from tests.contract.broker.conftest import Clients

Tool = Callable[..., str]


def test_partitions_are_added(clients: Clients, connected: Tool) -> None:
    topic = clients.topic()
    connected("kafka-topics", "--alter", "--topic", topic, "--partitions", "3")
    assert "PartitionCount: 3" in connected("kafka-topics", "--describe", "--topic", topic)
    consumer = clients.consumer()  # a client that has not asked for the topic before
    assert consumer.get_watermark_offsets(TopicPartition(topic, 2), timeout=60) == (0, 0)
    consumer.close()


def test_settings_are_changed_and_given_back(clients: Clients, connected: Tool) -> None:
    topic = clients.topic()
    change = ("kafka-configs", "--alter", "--topic", topic)
    connected(*change, "--add-config", "retention.ms=5000,max.message.bytes=2000")
    told = connected("kafka-configs", "--describe", "--topic", topic)
    assert "retention.ms=5000 " in told
    assert "max.message.bytes=2000 " in told
    connected(*change, "--delete-config", "max.message.bytes")
    told = connected("kafka-configs", "--describe", "--topic", topic)
    assert "retention.ms=5000 " in told
    assert "max.message.bytes" not in told


def test_records_are_deleted(clients: Clients, connected: Tool, tmp_path: Path) -> None:
    topic = clients.topic()
    clients.produce(topic, [b"%d" % n for n in range(10)])
    wanted = tmp_path / "wanted.json"
    wanted.write_text(
        f'{{"partitions": [{{"topic": "{topic}", "partition": 0, "offset": 6}}], "version": 1}}'
    )
    told = connected("kafka-delete-records", "--offset-json-file", str(wanted))
    assert f"{topic}-0\tlow_watermark: 6" in told
    assert clients.offset(topic, "earliest").offset == 6
