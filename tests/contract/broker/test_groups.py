"""Consumer groups and committed offsets, as confluent-kafka uses them."""

import contextlib
import time
from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

from tests.contract.broker.conftest import Clients


def poll_until(
    members: list[Consumer],
    done: Callable[[], bool],
    timeout_s: float = 60,
    on_message: Callable[[tuple[int, int]], object] = lambda _: None,
) -> None:
    """Poll all members until `done`; fails when that takes too long."""
    deadline = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < deadline, [sorted(map(str, m.assignment())) for m in members]
        for member in members:
            message = member.poll(0.05)
            if message is not None and message.error() is None:
                on_message((message.partition() or 0, message.offset() or 0))


@pytest.mark.parametrize("strategy", ["range", "roundrobin", "cooperative-sticky"])
def test_two_members_share_the_partitions(clients: Clients, strategy: str) -> None:
    topic = clients.topic(partitions=6)
    options = {
        "group_id": f"shared-{topic}",
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


def test_a_consumer_that_assigns_itself_may_commit(clients: Clients) -> None:
    topic = clients.topic()
    consumer = clients.consumer(group_id=f"simple-{topic}")
    partition = TopicPartition(topic, 0, 7)
    consumer.commit(offsets=[partition], asynchronous=False)
    assert consumer.committed([TopicPartition(topic, 0)], timeout=60)[0].offset == 7
    consumer.close()


def test_nobody_commits_past_the_members_of_a_group(clients: Clients) -> None:
    topic = clients.topic()
    member, stranger = (
        clients.consumer(group_id=f"own-{topic}"),
        clients.consumer(group_id=f"own-{topic}"),
    )
    member.subscribe([topic])
    poll_until([member], lambda: len(member.assignment()) == 1)
    with pytest.raises(KafkaException):
        stranger.commit(offsets=[TopicPartition(topic, 0, 1)], asynchronous=False)
    assert member.committed([TopicPartition(topic, 0)], timeout=60)[0].offset < 0
    stranger.close()
    member.close()


def test_a_deleted_topic_takes_its_offsets_along(clients: Clients) -> None:
    topic = clients.topic()
    consumer = clients.consumer(group_id=f"forgets-{topic}")
    consumer.commit(offsets=[TopicPartition(topic, 0, 7)], asynchronous=False)
    clients.admin.delete_topics([topic])[topic].result()
    deadline = time.monotonic() + 60
    while consumer.committed([TopicPartition(topic, 0)], timeout=60)[0].offset >= 0:
        assert time.monotonic() < deadline
    consumer.close()


@pytest.mark.parametrize("strategy", ["range", "roundrobin", "cooperative-sticky"])
def test_no_record_is_lost_while_members_come_and_go(clients: Clients, strategy: str) -> None:
    """At least once: a record is processed, then its offset is committed."""
    topic = clients.topic(partitions=4)
    work = Work(clients, topic, strategy)
    for change in (work.come, work.come, work.leave, work.come, work.come, work.leave, work.leave):
        change()
        work.go_on(records=200)
    work.until(lambda: len(work.seen) == work.made)
    work.leave()

    committed = work.committed()
    kept = {(p, o) for p, o in work.seen if o < committed[p]}
    late = clients.consumer(group_id=work.group)
    late.subscribe([topic])
    again: set[tuple[int, int]] = set()
    poll_until([late], lambda: len(kept | again) == work.made, on_message=again.add)
    assert again.isdisjoint(kept)
    late.close()


class Work:
    """A producer, and members that process and commit what it makes."""

    def __init__(self, clients: Clients, topic: str, strategy: str) -> None:
        self.clients = clients
        self.topic = topic
        self.group = f"work-{topic}-{strategy}"
        self.options = {
            "group_id": self.group,
            "partition_assignment_strategy": strategy,
            "heartbeat_interval_ms": 100,
        }
        self.producer = clients.producer()
        self.members: list[Consumer] = []
        self.seen: set[tuple[int, int]] = set()
        self.made = 0

    def come(self) -> None:
        """Let one more member join."""
        self.members.append(self.clients.consumer(**self.options))
        self.members[-1].subscribe([self.topic])

    def leave(self) -> None:
        """Let the oldest member leave."""
        self.members.pop(0).close()

    def go_on(self, records: int) -> None:
        """Produce while the members work, until they have processed about as much."""
        end, goal = self.made + records, len(self.seen) + records // 2
        while self.made < end:
            self.producer.produce(self.topic, b"r", partition=self.made % 4)
            self.made += 1
            self.producer.poll(0)
            if self.made % 10 == 0:
                self.step()
        self.until(lambda: len(self.seen) >= goal)

    def until(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not done():
            assert time.monotonic() < deadline, (len(self.seen), self.made)
            self.step()

    def step(self) -> None:
        for member in self.members:
            message = member.poll(0.01)
            if message is None or message.error() is not None:
                continue
            self.seen.add((message.partition() or 0, message.offset() or 0))
            if len(self.seen) % 7 == 0:
                # refused while the group rebalances; then somebody sees the record again
                with contextlib.suppress(KafkaException):
                    member.commit(message=message, asynchronous=False)

    def committed(self) -> list[int]:
        """Return the offset committed for each partition, 0 where there is none."""
        reader = self.clients.consumer(group_id=self.group)
        partitions = [TopicPartition(self.topic, p) for p in range(4)]
        found = [max(p.offset, 0) for p in reader.committed(partitions, timeout=60)]
        reader.close()
        return found
