"""Kafka's own tools for topics, settings and offsets."""

from collections.abc import Callable

import pytest

from tests.contract.broker.conftest import Clients, unique

Tool = Callable[..., str]


def test_topics_are_created_described_listed_and_deleted(connected: Tool) -> None:
    name = unique("java")
    made = connected(
        *("kafka-topics", "--create", "--topic", name, "--partitions", "3"),
        *("--config", "retention.ms=-1", "--config", "cleanup.policy=compact"),
    )
    assert made.strip() == f"Created topic {name}."
    head, *partitions = connected("kafka-topics", "--describe", "--topic", name).splitlines()
    for told in ("PartitionCount: 3", "ReplicationFactor: 1", "retention.ms=-1", "policy=compact"):
        assert told in head
    for number, line in enumerate(partitions):
        assert f"Partition: {number}\tLeader: 1\tReplicas: 1\tIsr: 1" in line
    assert len(partitions) == 3
    assert name in connected("kafka-topics", "--list").splitlines()
    connected("kafka-topics", "--delete", "--topic", name)
    assert name not in connected("kafka-topics", "--list").splitlines()


def test_a_topic_exists_once(clients: Clients, connected: Tool) -> None:
    topic = clients.topic()
    with pytest.raises(AssertionError, match=f"{topic}.* exists"):
        connected("kafka-topics", "--create", "--topic", topic)
    again = connected("kafka-topics", "--create", "--topic", topic, "--if-not-exists")
    assert "Created" not in again


def test_settings_are_told(clients: Clients, connected: Tool) -> None:
    topic = clients.topic(flush_messages="1")
    told = connected("kafka-configs", "--describe", "--topic", topic)
    assert "flush.messages=1 sensitive=false synonyms={DYNAMIC_TOPIC_CONFIG:" in told
    assert "max.message.bytes" not in told
    every = connected("kafka-configs", "--describe", "--all", "--topic", topic)
    assert "max.message.bytes=1048588" in every


def test_offsets_are_told(clients: Clients, connected: Tool) -> None:
    topic = clients.topic(partitions=2, retention_ms="-1")
    producer = clients.producer()
    for time_ms in (1000, 3000, 2000):
        producer.produce(topic, b"v", partition=1, timestamp=time_ms)
    assert producer.flush(60) == 0

    def told(time: str) -> list[str]:
        return connected("kafka-get-offsets", "--topic", topic, "--time", time).splitlines()

    assert told("latest") == [f"{topic}:0:0", f"{topic}:1:3"]
    assert told("earliest") == [f"{topic}:0:0", f"{topic}:1:0"]
    assert told("max-timestamp")[-1] == told("2500")[-1] == f"{topic}:1:1"


def test_versions_are_told(connected: Tool) -> None:
    told = connected("kafka-broker-api-versions")
    for api in ("Produce", "Fetch", "ListOffsets", "Metadata", "JoinGroup", "CreateTopics"):
        (line,) = [line for line in told.splitlines() if line.strip().startswith(f"{api}(")]
        assert "[usable: " in line
