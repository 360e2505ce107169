"""Topics and their settings, as Kafka's admin clients see them."""

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewTopic

from tests.contract.broker.conftest import Clients, unique
from tests.waiting import until


def refusal(future: Any) -> KafkaError:
    """Return the error that a request ends with."""
    with pytest.raises(KafkaException) as refused:
        future.result()
    error = refused.value.args[0]
    assert isinstance(error, KafkaError)
    return error


def creation(clients: Clients, topic: NewTopic, **options: Any) -> Any:
    return clients.admin.create_topics([topic], **options)[topic.topic]


def configs(clients: Clients, kind: ResourceType, name: str) -> Any:
    resource = ConfigResource(kind, name)
    return clients.admin.describe_configs([resource])[resource]


def listed(clients: Clients) -> set[str]:
    return set(clients.admin.list_topics(timeout=60).topics)


def test_settings_are_told_with_their_source(clients: Clients) -> None:
    topic = clients.topic(retention_ms="-1", flush_messages="1", cleanup_policy="compact")
    found = configs(clients, ResourceType.TOPIC, topic).result()
    told = {name: (c.value, c.is_default) for name, c in found.items()}
    assert told["retention.ms"] == ("-1", False)
    assert told["flush.messages"] == ("1", False)
    assert told["cleanup.policy"] == ("compact", False)
    assert told["max.message.bytes"] == ("1048588", True)
    assert told["message.timestamp.type"] == ("CreateTime", True)
    assert told["segment.bytes"] == (str(1 << 30), True)
    assert told["retention.bytes"] == ("-1", True)
    assert told["compression.type"] == ("producer", True)


def test_settings_of_a_topic_that_does_not_exist_are_an_error(clients: Clients) -> None:
    error = refusal(configs(clients, ResourceType.TOPIC, "nowhere"))
    assert error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_a_topic_exists_once(clients: Clients) -> None:
    topic = clients.topic()
    error = refusal(creation(clients, NewTopic(topic, 1, 1)))
    assert error.code() == KafkaError.TOPIC_ALREADY_EXISTS
    assert topic in error.str()


@pytest.mark.parametrize(
    ("name", "partitions", "replicas", "setting", "code"),
    [
        ("no/name", 1, 1, {}, KafkaError.TOPIC_EXCEPTION),
        ("grüße", 1, 1, {}, KafkaError.TOPIC_EXCEPTION),
        (".", 1, 1, {}, KafkaError.TOPIC_EXCEPTION),
        ("..", 1, 1, {}, KafkaError.TOPIC_EXCEPTION),
        ("x" * 250, 1, 1, {}, KafkaError.TOPIC_EXCEPTION),
        ("parts", 0, 1, {}, KafkaError.INVALID_PARTITIONS),
        ("replicas", 1, 3, {}, KafkaError.INVALID_REPLICATION_FACTOR),
        ("none", 1, 0, {}, KafkaError.INVALID_REPLICATION_FACTOR),
        ("typo", 1, 1, {"retention.msec": "1"}, KafkaError.INVALID_CONFIG),
        ("words", 1, 1, {"retention.ms": "forever"}, KafkaError.INVALID_CONFIG),
        ("below", 1, 1, {"retention.ms": "-2"}, KafkaError.INVALID_CONFIG),
        ("above", 1, 1, {"segment.bytes": str(1 << 31)}, KafkaError.INVALID_CONFIG),
        ("policy", 1, 1, {"cleanup.policy": "shred"}, KafkaError.INVALID_CONFIG),
        ("ratio", 1, 1, {"min.cleanable.dirty.ratio": "1.5"}, KafkaError.INVALID_CONFIG),
        ("codec", 1, 1, {"compression.type": "brotli"}, KafkaError.INVALID_CONFIG),
    ],
)
def test_what_can_not_be_is_refused(
    clients: Clients, name: str, partitions: int, replicas: int, setting: Any, code: int
) -> None:
    error = refusal(creation(clients, NewTopic(name, partitions, replicas, config=setting)))
    assert error.code() == code
    assert name not in listed(clients)


def test_one_that_is_refused_does_not_hinder_the_others(clients: Clients) -> None:
    good, bad = unique("good"), unique("bad")
    both = clients.admin.create_topics([NewTopic(good, 1, 1), NewTopic(bad, 0, 1)])
    both[good].result()
    refusal(both[bad])
    until(lambda: good in listed(clients))  # Apache Kafka's broker hears of it from the controller
    assert bad not in listed(clients)


def test_a_creation_may_be_tried_without_creating(clients: Clients) -> None:
    name = unique("tried")
    creation(clients, NewTopic(name, 3, 1), validate_only=True).result()
    error = refusal(creation(clients, NewTopic(name, 0, 1), validate_only=True))
    assert error.code() == KafkaError.INVALID_PARTITIONS
    assert name not in listed(clients)


def test_names_that_differ_only_by_dot_and_underscore_are_refused(clients: Clients) -> None:
    name = unique("a.b")
    creation(clients, NewTopic(name, 1, 1)).result()
    error = refusal(creation(clients, NewTopic(name.replace(".", "_"), 1, 1)))
    assert error.code() == KafkaError.TOPIC_EXCEPTION


def test_the_longest_name_is_249_characters(clients: Clients) -> None:
    name = unique("long").ljust(249, "x")
    creation(clients, NewTopic(name, 1, 1)).result()
    clients.produce(name, [b"v"])
    assert clients.read(name, 1) == [b"v"]


def test_a_deleted_topic_begins_anew(clients: Clients) -> None:
    topic = clients.topic()
    clients.produce(topic, [b"old"] * 3)
    clients.admin.delete_topics([topic])[topic].result()
    until(lambda: topic not in listed(clients))
    creation(clients, NewTopic(topic, 1, 1)).result()
    clients.produce(topic, [b"new"])
    assert clients.read(topic, 1) == [b"new"]


def test_what_does_not_exist_can_not_be_deleted(clients: Clients) -> None:
    error = refusal(clients.admin.delete_topics(["nowhere"])["nowhere"])
    assert error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_a_topic_is_described_with_its_partitions_and_its_id(clients: Clients) -> None:
    topic, other = clients.topic(partitions=3), clients.topic()
    described = clients.admin.describe_topics(TopicCollection([topic, other]))
    found = described[topic].result()
    assert (found.name, found.is_internal) == (topic, False)
    assert [p.id for p in found.partitions] == [0, 1, 2]
    for partition in found.partitions:
        assert partition.leader.id == partition.replicas[0].id == partition.isr[0].id
    assert str(found.topic_id) != str(described[other].result().topic_id)
    again = clients.admin.describe_topics(TopicCollection([topic]))[topic].result()
    assert str(again.topic_id) == str(found.topic_id)


def test_describing_what_does_not_exist_is_an_error(clients: Clients) -> None:
    described = clients.admin.describe_topics(TopicCollection(["nowhere"]))
    assert refusal(described["nowhere"]).code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_metadata_of_one_topic_leaves_out_the_others(clients: Clients) -> None:
    topic, _ = clients.topic(partitions=2), clients.topic()
    found = clients.admin.list_topics(topic, timeout=60).topics
    assert set(found) == {topic}
    assert sorted(found[topic].partitions) == [0, 1]


def test_the_cluster_is_one_node(clients: Clients) -> None:
    described = clients.admin.describe_cluster(request_timeout=60).result()
    (node,) = described.nodes
    assert (node.host, node.port) == (clients.endpoint.host, clients.endpoint.port)
    assert described.controller.id == node.id
    assert described.cluster_id == clients.admin.list_topics(timeout=60).cluster_id
