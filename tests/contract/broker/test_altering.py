"""Settings and partitions that change while clients are at work."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewPartitions

from infra.broker import control
from tests.contract.broker.conftest import Clients
from tests.waiting import until

SET, DELETE = AlterConfigOpType.SET, AlterConfigOpType.DELETE
APPEND, SUBTRACT = AlterConfigOpType.APPEND, AlterConfigOpType.SUBTRACT
Change = tuple[str, str | None, AlterConfigOpType]


def alter(clients: Clients, topic: str, *changes: Change, **options: Any) -> None:
    """Change settings of a topic, until they are told so; raises the refusal.

    Apache Kafka answers before its broker has heard of the change from the controller.
    """
    entries = [ConfigEntry(name, value, incremental_operation=op) for name, value, op in changes]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    clients.admin.incremental_alter_configs([resource], **options)[resource].result(60)
    if not options:
        until(lambda: all(is_told(clients, topic, change) for change in changes))


def is_told(clients: Clients, topic: str, change: Change) -> bool:
    """Whether a change of a topic's setting is seen."""
    name, value, op = change
    now, is_default = told(clients, topic)[name]
    if op is DELETE:
        return is_default
    return now == value if op is SET else (value in now.split(",")) == (op is APPEND)


def refusal(change: Callable[[], object]) -> KafkaError:
    """Return why a change is refused."""
    with pytest.raises(KafkaException) as refused:
        change()
    error = refused.value.args[0]
    assert isinstance(error, KafkaError)
    return error


def told(clients: Clients, topic: str) -> dict[str, tuple[str, bool]]:
    """Return the value of each setting, and whether it is the default."""
    resource = ConfigResource(ResourceType.TOPIC, topic)
    found: Any = clients.admin.describe_configs([resource])[resource].result(60)
    return {name: (entry.value, entry.is_default) for name, entry in found.items()}


def policies(clients: Clients, topic: str) -> set[str]:
    """Return the cleanup policies of a topic."""
    return set(told(clients, topic)["cleanup.policy"][0].split(","))


def test_a_setting_is_set_and_returns_to_its_default(clients: Clients) -> None:
    topic = clients.topic(segment_bytes="2097152")
    alter(clients, topic, ("retention.ms", "86400000", SET), ("segment.bytes", None, DELETE))
    found = told(clients, topic)
    assert found["retention.ms"] == ("86400000", False)
    assert found["segment.bytes"] == ("1073741824", True)


def test_lists_grow_and_shrink(clients: Clients) -> None:
    topic = clients.topic()
    alter(clients, topic, ("cleanup.policy", "compact", APPEND))
    assert policies(clients, topic) == {"compact", "delete"}
    alter(clients, topic, ("cleanup.policy", "compact", APPEND))
    assert policies(clients, topic) == {"compact", "delete"}
    alter(clients, topic, ("cleanup.policy", "delete", SUBTRACT))
    assert policies(clients, topic) == {"compact"}


def test_a_validated_change_is_not_made(clients: Clients) -> None:
    topic = clients.topic()
    alter(clients, topic, ("retention.ms", "86400000", SET), validate_only=True)
    assert told(clients, topic)["retention.ms"][1]
    wrong = ("retention.ms", "never", SET)
    error = refusal(lambda: alter(clients, topic, wrong, validate_only=True))
    assert error.code() == KafkaError.INVALID_CONFIG


@pytest.mark.parametrize(
    "change",
    [
        ("retention.msec", "1", SET),
        ("retention.ms", "forever", SET),
        ("retention.ms", "1", APPEND),
        ("cleanup.policy", "shred", APPEND),
    ],
)
def test_a_wrong_change_changes_nothing(
    clients: Clients, change: tuple[str, str, AlterConfigOpType]
) -> None:
    topic = clients.topic()
    before = told(clients, topic)
    error = refusal(lambda: alter(clients, topic, ("flush.ms", "77", SET), change))
    assert error.code() == KafkaError.INVALID_CONFIG
    assert told(clients, topic) == before


def test_the_settings_of_no_topic_can_not_change(clients: Clients) -> None:
    error = refusal(lambda: alter(clients, "no-such-topic", ("retention.ms", "1", SET)))
    assert error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_a_new_limit_counts_at_once(clients: Clients) -> None:
    topic = clients.topic()
    clients.produce(topic, [b"x" * 5000])
    alter(clients, topic, ("max.message.bytes", "2000", SET))
    producer = clients.producer()

    def outcome() -> KafkaError | None:
        told: list[KafkaError | None] = []
        producer.produce(
            topic, b"x" * 5000, partition=0, on_delivery=lambda error, _: told.append(error)
        )
        assert producer.flush(60) == 0
        return told[0]

    def refused() -> bool:
        error = outcome()
        return error is not None and error.code() == KafkaError.MSG_SIZE_TOO_LARGE

    # Apache Kafka tells of a change an instant before its log heeds it
    until(refused)
    alter(clients, topic, ("max.message.bytes", None, DELETE))
    until(lambda: outcome() is None)


def test_the_broker_tells_its_own_settings(clients: Clients) -> None:
    (node,) = clients.admin.list_topics(timeout=60).brokers
    resource = ConfigResource(ResourceType.BROKER, str(node))
    found: Any = clients.admin.describe_configs([resource])[resource].result(60)
    assert found["node.id"].value == str(node)
    assert found["node.id"].is_read_only
    assert found["log.dirs"].value
    assert found["delete.topic.enable"].value == "true"


def grow(clients: Clients, topic: str, total: int, **options: Any) -> None:
    """Add partitions; raises the refusal."""
    asked = NewPartitions(topic, total)
    clients.admin.create_partitions([asked], **options)[topic].result(60)


def test_a_topic_grows(clients: Clients) -> None:
    topic = clients.topic()
    clients.produce(topic, [b"old"] * 3)
    grow(clients, topic, 4)
    until(lambda: len(clients.admin.list_topics(topic, timeout=60).topics[topic].partitions) == 4)
    producer = clients.producer()
    outcomes: list[KafkaError | None] = []
    for partition in range(4):
        producer.produce(
            topic, b"new", partition=partition, on_delivery=lambda error, _: outcomes.append(error)
        )
    assert producer.flush(60) == 0
    assert outcomes == [None] * 4
    assert clients.read(topic, 4) == [b"old"] * 3 + [b"new"]


@pytest.mark.parametrize("total", [1, 2])
def test_a_topic_does_not_shrink(clients: Clients, total: int) -> None:
    topic = clients.topic(partitions=2)
    assert refusal(lambda: grow(clients, topic, total)).code() == KafkaError.INVALID_PARTITIONS
    assert len(clients.admin.list_topics(topic, timeout=60).topics[topic].partitions) == 2


def test_validated_partitions_are_not_made(clients: Clients) -> None:
    topic = clients.topic()
    grow(clients, topic, 3, validate_only=True)
    assert len(clients.admin.list_topics(topic, timeout=60).topics[topic].partitions) == 1


def test_no_topic_can_not_grow(clients: Clients) -> None:
    error = refusal(lambda: grow(clients, "no-such-topic", 3))
    assert error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_changes_survive_the_broker(start_broker: Callable[..., Clients], tmp_path: Path) -> None:
    clients = start_broker(tmp_path / "log")
    topic = clients.topic()
    alter(clients, topic, ("retention.ms", "-1", SET), ("max.message.bytes", "2000", SET))
    grow(clients, topic, 3)
    control.stop(tmp_path / "log")
    clients = start_broker(tmp_path / "log")
    assert told(clients, topic)["retention.ms"] == ("-1", False)
    assert len(clients.admin.list_topics(topic, timeout=60).topics[topic].partitions) == 3
    clients.produce(topic, [b"v"])
