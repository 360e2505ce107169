"""Kafka's own tool for consumer groups and their offsets."""

from collections.abc import Callable

import pytest
from confluent_kafka import TopicPartition

from tests.contract.broker.conftest import Clients, unique

Tool = Callable[..., str]
Groups = Callable[..., list[str]]


@pytest.fixture
def groups(connected: Tool) -> Groups:
    """Runs kafka-consumer-groups and returns the lines it prints that are not empty."""

    def run(*arguments: str) -> list[str]:
        told = connected("kafka-consumer-groups", *arguments).splitlines()
        return [line for line in told if line.strip()]

    return run


@pytest.fixture
def committed(clients: Clients) -> tuple[str, str]:
    """A topic of ten records, and a group without members that has read four of them."""
    topic, group = clients.topic(retention_ms="-1"), unique("java-group")
    producer = clients.producer()
    for number in range(10):
        producer.produce(topic, b"%d" % number, partition=0, timestamp=1000 * (number + 1))
    assert producer.flush(60) == 0
    consumer = clients.consumer(group_id=group)
    consumer.commit(offsets=[TopicPartition(topic, 0, 4)], asynchronous=False)
    consumer.close()
    return topic, group


def test_a_group_without_members_is_listed_and_described(
    committed: tuple[str, str], groups: Groups
) -> None:
    topic, group = committed
    assert group in groups("--list")
    assert groups("--list", "--state", "Empty")[0].split() == ["GROUP", "STATE"]
    line = groups("--describe", "--group", group)[-1]
    assert line.split()[:6] == [group, topic, "0", "4", "10", "6"]  # committed, end and lag


def test_a_group_with_members_shows_who_reads_what(clients: Clients, groups: Groups) -> None:
    topic, group = clients.topic(partitions=2), unique("java-group")
    consumer = clients.consumer(group_id=group, client_id="who-reads")
    assigned: list[TopicPartition] = []
    consumer.subscribe([topic], on_assign=lambda _, partitions: assigned.extend(partitions))
    while not assigned:
        consumer.poll(0.1)
    consumer.commit(offsets=[TopicPartition(topic, 0, 0)], asynchronous=False)
    described = groups("--describe", "--group", group)
    assert all("who-reads" in line for line in described[-2:])
    state = groups("--describe", "--group", group, "--state")[-1]
    assert "Stable" in state
    assert state.split()[-1] == "1"
    members = groups("--describe", "--group", group, "--members", "--verbose")[-1]
    assert f"{topic}:0,1" in members
    consumer.close()


@pytest.mark.parametrize(
    ("where", "offset"),
    [
        (["--to-earliest"], 0),
        (["--to-latest"], 10),
        (["--to-offset", "7"], 7),
        (["--shift-by", "-3"], 1),
        (["--to-datetime", "1970-01-01T00:00:05.000"], 4),
    ],
)
def test_offsets_are_reset(
    committed: tuple[str, str], groups: Groups, where: list[str], offset: int
) -> None:
    topic, group = committed
    told = groups("--reset-offsets", "--group", group, "--topic", topic, *where, "--execute")
    assert told[-1].split() == [group, topic, "0", str(offset)]
    described = groups("--describe", "--group", group)[-1]
    assert described.split()[:4] == [group, topic, "0", str(offset)]


def test_offsets_are_deleted(clients: Clients, committed: tuple[str, str], groups: Groups) -> None:
    topic, group = committed
    told = groups("--delete-offsets", "--group", group, "--topic", topic)[-1]
    assert told.split() == [topic, "0", "Successful"]
    consumer = clients.consumer(group_id=group)
    assert consumer.committed([TopicPartition(topic, 0)], timeout=60)[0].offset < 0
    consumer.close()


def test_groups_are_deleted(committed: tuple[str, str], groups: Groups) -> None:
    _, group = committed
    assert group in groups("--list")
    groups("--delete", "--group", group)
    assert group not in groups("--list")
