"""Consumer groups and committed offsets, as confluent-kafka uses them."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

from infra.broker import control
from tests.contract.broker.conftest import Clients, values_of


def poll_until(members: list[Consumer], done: Callable[[], bool], timeout_s: float = 30) -> None:
    """Poll all members until `done`; fails when that takes too long."""
    deadline = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < deadline, [sorted(map(str, m.assignment())) for m in members]
        for member in members:
            member.poll(0.05)


@pytest.mark.parametrize("strategy", ["range", "roundrobin", "cooperative-sticky"])
def test_two_members_share_the_partitions(clients: Clients, strategy: str) -> None:
    topic = clients.topic(partitions=6)
    options = {
        "group_id": f"shared-{strategy}",
        "partition_assignment_strategy": strategy,
        "heartbeat_interval_ms": 200,
    }
    first, second = clients.consumer(**options), clients.consumer(**options)
    first.subscribe([topic])
    poll_until([first], lambda: len(first.assignment()) == 6)
    second.subscribe([topic])
    poll_until([first, second], lambda: len(first.assignment()) == len(second.assignment()) == 3)
    owned = {p.partition for m in (first, second) for p in m.assignment()}
    assert owned == set(range(6))
    second.close()
    poll_until([first], lambda: len(first.assignment()) == 6)
    first.close()


def test_committed_offsets_survive_the_broker(
    start_broker: Callable[..., Clients], tmp_path: Path
) -> None:
    clients = start_broker(tmp_path / "log")
    topic = clients.topic()
    clients.produce(topic, [b"%d" % n for n in range(10)])
    consumer = clients.consumer(group_id="g")
    consumer.subscribe([topic])
    assert values_of(consumer, 4) == [b"0", b"1", b"2", b"3"]
    consumer.commit(offsets=[TopicPartition(topic, 0, 4)], asynchronous=False)
    consumer.close()
    control.stop(tmp_path / "log")

    clients = start_broker(tmp_path / "log")
    consumer = clients.consumer(group_id="g")
    consumer.subscribe([topic])
    assert values_of(consumer, 6) == [b"4", b"5", b"6", b"7", b"8", b"9"]
    consumer.close()


def test_a_consumer_that_assigns_itself_may_commit(clients: Clients) -> None:
    topic = clients.topic()
    consumer = clients.consumer(group_id="simple")
    partition = TopicPartition(topic, 0, 7)
    consumer.commit(offsets=[partition], asynchronous=False)
    assert consumer.committed([TopicPartition(topic, 0)], timeout=5)[0].offset == 7
    consumer.close()


def test_nobody_commits_past_the_members_of_a_group(clients: Clients) -> None:
    topic = clients.topic()
    member, stranger = clients.consumer(group_id="own"), clients.consumer(group_id="own")
    member.subscribe([topic])
    poll_until([member], lambda: len(member.assignment()) == 1)
    with pytest.raises(KafkaException):
        stranger.commit(offsets=[TopicPartition(topic, 0, 1)], asynchronous=False)
    assert member.committed([TopicPartition(topic, 0)], timeout=5)[0].offset < 0
    stranger.close()
    member.close()


def test_a_deleted_topic_takes_its_offsets_along(clients: Clients) -> None:
    topic = clients.topic()
    consumer = clients.consumer(group_id="forgets")
    consumer.commit(offsets=[TopicPartition(topic, 0, 7)], asynchronous=False)
    clients.admin.delete_topics([topic])[topic].result()
    assert consumer.committed([TopicPartition(topic, 0)], timeout=5)[0].offset < 0
    consumer.close()


def test_members_come_back_after_the_broker_did(
    start_broker: Callable[..., Clients], tmp_path: Path
) -> None:
    clients = start_broker(tmp_path / "log")
    topic = clients.topic()
    consumer = clients.consumer(group_id="g", heartbeat_interval_ms=200)
    consumer.subscribe([topic])
    poll_until([consumer], lambda: len(consumer.assignment()) == 1)
    port = clients.endpoint.port
    control.stop(tmp_path / "log")
    clients = start_broker(tmp_path / "log", port=port)
    clients.produce(topic, [b"after"])
    assert values_of(consumer, 1) == [b"after"]
    consumer.close()
