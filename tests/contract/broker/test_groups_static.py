"""Consumers with a `group.instance.id`, as confluent-kafka uses them."""

from confluent_kafka import Consumer, KafkaError, TopicPartition

from tests.contract.broker.conftest import Clients
from tests.contract.broker.test_groups import poll_until


class Watched:
    """A consumer that counts how often it was given partitions or lost them."""

    def __init__(self, clients: Clients, topic: str, instance_id: str) -> None:
        self.changes = 0
        self.consumer = clients.consumer(
            group_id=f"of-{topic}",
            group_instance_id=instance_id,
            heartbeat_interval_ms=100,
            session_timeout_ms=60_000,
        )
        self.consumer.subscribe([topic], on_assign=self._changed, on_revoke=self._changed)

    def _changed(self, _: Consumer, __: list[TopicPartition]) -> None:
        self.changes += 1

    def partitions(self) -> set[int]:
        return {p.partition for p in self.consumer.assignment()}


def pair(clients: Clients) -> tuple[str, Watched, Watched]:
    """Return a topic and the two members that share it."""
    topic = clients.topic(partitions=4)
    one, two = Watched(clients, topic, "one"), Watched(clients, topic, "two")
    both = [one.consumer, two.consumer]
    poll_until(both, lambda: len(one.partitions()) == len(two.partitions()) == 2)
    return topic, one, two


def until_assigned(one: Watched, other: Watched) -> None:
    """Poll both until the first has partitions."""
    poll_until([one.consumer, other.consumer], lambda: bool(one.partitions()))


def test_a_restart_is_no_rebalance_for_the_others(clients: Clients) -> None:
    topic, one, two = pair(clients)
    for name in ("one", "two"):  # one of them leads
        own, other = (one, two) if name == "one" else (two, one)
        before, changes = own.partitions(), other.changes
        own.consumer.close()
        again = Watched(clients, topic, name)
        until_assigned(again, other)
        assert again.partitions() == before
        assert other.changes == changes
        one, two = (again, two) if name == "one" else (one, again)
    producer = clients.producer()
    for partition in range(4):
        producer.produce(topic, b"r", partition=partition)
    assert producer.flush(60) == 0
    seen: set[tuple[int, int]] = set()
    both = [one.consumer, two.consumer]
    poll_until(both, lambda: len(seen) == 4, on_message=seen.add)
    for member in both:
        member.commit(asynchronous=False)
        member.close()


def test_the_later_of_two_with_one_id_is_right(clients: Clients) -> None:
    topic, one, two = pair(clients)
    later = Watched(clients, topic, "one")
    poll_until([later.consumer, two.consumer], lambda: len(later.partitions()) == 2)
    error = None
    while error is None:
        message = one.consumer.poll(60)
        assert message is not None
        error = message.error()
    assert error.code() == KafkaError._FATAL
    assert "fenced" in error.str()
    for member in (one, two, later):
        member.consumer.close()
