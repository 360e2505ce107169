"""Topics and their settings, as Kafka's admin clients see them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewTopic

from infra.broker import control
from tests.contract.broker.conftest import Clients


def refusal(clients: Clients, topic: NewTopic) -> KafkaError:
    """Return why a topic is not created."""
    with pytest.raises(KafkaException) as refused:
        clients.admin.create_topics([topic])[topic.topic].result()
    error = refused.value.args[0]
    assert isinstance(error, KafkaError)
    return error


def configs(clients: Clients, topic: str) -> dict[str, Any]:
    """Return the settings of a topic."""
    resource = ConfigResource(ResourceType.TOPIC, topic)
    found: dict[str, Any] = clients.admin.describe_configs([resource])[resource].result()
    return found


def test_settings_are_told_with_their_source(clients: Clients) -> None:
    topic = clients.topic(retention_ms="-1", flush_messages="1", cleanup_policy="compact")
    found = configs(clients, topic)
    told = {name: (c.value, c.is_default) for name, c in found.items()}
    assert told["retention.ms"] == ("-1", False)
    assert told["flush.messages"] == ("1", False)
    assert told["cleanup.policy"] == ("compact", False)
    assert told["max.message.bytes"] == ("1048588", True)
    assert told["message.timestamp.type"] == ("CreateTime", True)


def test_a_topic_exists_once(clients: Clients) -> None:
    topic = clients.topic()
    error = refusal(clients, NewTopic(topic, 1, 1))
    assert error.code() == KafkaError.TOPIC_ALREADY_EXISTS
    assert topic in error.str()


@pytest.mark.parametrize(
    ("name", "partitions", "replicas", "setting", "code"),
    [
        ("no/name", 1, 1, {}, KafkaError.TOPIC_EXCEPTION),
        ("x" * 250, 1, 1, {}, KafkaError.TOPIC_EXCEPTION),
        ("parts", 0, 1, {}, KafkaError.INVALID_PARTITIONS),
        ("replicas", 1, 3, {}, KafkaError.INVALID_REPLICATION_FACTOR),
        ("typo", 1, 1, {"retention.msec": "1"}, KafkaError.INVALID_CONFIG),
        ("words", 1, 1, {"retention.ms": "forever"}, KafkaError.INVALID_CONFIG),
        ("time", 1, 1, {"message.timestamp.type": "LogAppendTime"}, KafkaError.INVALID_CONFIG),
    ],
)
def test_what_can_not_be_is_refused(
    clients: Clients, name: str, partitions: int, replicas: int, setting: Any, code: int
) -> None:
    error = refusal(clients, NewTopic(name, partitions, replicas, config=setting))
    assert error.code() == code
    assert name not in clients.admin.list_topics(timeout=5).topics


def test_names_that_differ_only_by_dot_and_underscore_are_refused(clients: Clients) -> None:
    clients.admin.create_topics([NewTopic("a.b", 1, 1)])["a.b"].result()
    assert refusal(clients, NewTopic("a_b", 1, 1)).code() == KafkaError.TOPIC_EXCEPTION


def test_a_deleted_topic_begins_anew(clients: Clients) -> None:
    topic = clients.topic()
    clients.produce(topic, [b"old"] * 3)
    clients.admin.delete_topics([topic])[topic].result()
    assert topic not in clients.admin.list_topics(timeout=5).topics
    clients.admin.create_topics([NewTopic(topic, 1, 1)])[topic].result()
    clients.produce(topic, [b"new"])
    assert clients.read(topic, 1) == [b"new"]
    assert not (clients.data_dir / f"{topic}-1").exists()


def test_ids_survive_the_broker(start_broker: Callable[..., Clients], tmp_path: Path) -> None:
    clients = start_broker(tmp_path / "log")
    topic = clients.topic(partitions=3)
    before = clients.admin.list_topics(timeout=5)
    control.stop(tmp_path / "log")
    clients = start_broker(tmp_path / "log")
    after = clients.admin.list_topics(timeout=5)
    assert after.cluster_id == before.cluster_id
    assert len(after.topics[topic].partitions) == 3


def test_the_cluster_is_one_node(clients: Clients) -> None:
    described = clients.admin.describe_cluster(request_timeout=5).result()
    assert [(n.host, n.port) for n in described.nodes] == [("127.0.0.1", clients.endpoint.port)]
