"""Groups as an operator sees and handles them."""

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from tests.contract.broker.conftest import Clients
from tests.contract.broker.raw_client import RawMember, coordinator
from tests.contract.broker.test_groups import poll_until

UNKNOWN_TOPIC, NON_EMPTY_GROUP, NO_SUCH_GROUP, SUBSCRIBED = 3, 68, 69, 86


def with_offsets(clients: Clients, group: str, topic: str, offset: int) -> None:
    """Commit an offset as a consumer that assigns itself does."""
    consumer = clients.consumer(group_id=group)
    consumer.commit(offsets=[TopicPartition(topic, 0, offset)], asynchronous=False)
    consumer.close()


def joined(clients: Clients, group: str, topic: str, **options: Any) -> Consumer:
    """Return a consumer that has the topic's partitions."""
    consumer = clients.consumer(group_id=group, **options)
    consumer.subscribe([topic])
    poll_until([consumer], lambda: bool(consumer.assignment()))
    return consumer


def listed(clients: Clients, **options: Any) -> dict[str, tuple[ConsumerGroupState, bool]]:
    """Return state and simplicity of the groups that are listed."""
    found = clients.admin.list_consumer_groups(request_timeout=60, **options).result()
    assert found.errors == []
    return {g.group_id: (g.state, g.is_simple_consumer_group) for g in found.valid}


def refusal(call: Callable[[], object]) -> int:
    with pytest.raises(KafkaException) as refused:
        call()
    error: KafkaError = refused.value.args[0]
    return int(error.code())


def test_groups_are_listed_with_their_states(clients: Clients) -> None:
    topic = clients.topic()
    simple, live, former = f"simple-{topic}", f"live-{topic}", f"former-{topic}"
    with_offsets(clients, simple, topic, 3)
    member = joined(clients, live, topic)
    joined(clients, former, topic).close()
    found = listed(clients)
    assert found[simple] == (ConsumerGroupState.EMPTY, True)
    assert found[live] == (ConsumerGroupState.STABLE, False)
    assert found[former] == (ConsumerGroupState.EMPTY, False)
    stable = listed(clients, states={ConsumerGroupState.STABLE})
    assert live in stable
    assert not {simple, former} & set(stable)
    member.close()


def test_a_group_is_described_with_its_members(clients: Clients) -> None:
    topic = clients.topic(partitions=2)
    name, none = f"describe-{topic}", f"none-{topic}"
    member = joined(clients, name, topic, client_id="dome", group_instance_id="one")
    futures = clients.admin.describe_consumer_groups([name])
    group = futures[name].result()
    assert (group.state, group.partition_assignor) == (ConsumerGroupState.STABLE, "range")
    (described,) = group.members
    assert (described.client_id, described.group_instance_id) == ("dome", "one")
    assert described.member_id.startswith("one-")
    assert "127.0.0.1" in described.host
    assigned = described.assignment.topic_partitions
    assert sorted((p.topic, p.partition) for p in assigned) == [(topic, 0), (topic, 1)]
    with coordinator(clients.endpoint.client_config(), none) as client:
        for version in range(6):
            answer = client.ask(
                "DescribeGroups",
                version,
                groups=[none],
                include_authorized_operations=True,
            )
            assert (answer.groups[0].group_state, answer.groups[0].members) == ("Dead", ())
    member.close()


def test_what_a_group_committed_is_listed_and_altered(clients: Clients) -> None:
    topic = clients.topic(partitions=2)
    clients.produce(topic, [b"%d" % n for n in range(10)])
    name = f"alter-{topic}"
    with_offsets(clients, name, topic, 3)
    change = ConsumerGroupTopicPartitions(name, [TopicPartition(topic, 0, 7, "by hand")])
    clients.admin.alter_consumer_group_offsets([change])[name].result()
    everything = ConsumerGroupTopicPartitions(name)
    found = clients.admin.list_consumer_group_offsets([everything])[name].result()
    (committed,) = found.topic_partitions
    assert (committed.topic, committed.partition, committed.offset) == (topic, 0, 7)
    partition = TopicPartition(topic, 0)
    member = clients.consumer(group_id=name)
    member.subscribe([topic])
    seen: set[tuple[int, int]] = set()
    poll_until([member], lambda: len(seen) == 3, on_message=seen.add)
    assert {offset for _, offset in seen} == {7, 8, 9}
    _, end = member.get_watermark_offsets(partition, timeout=60)
    assert end - committed.offset == 3  # the group's lag
    refused = clients.admin.alter_consumer_group_offsets([change])[name].result()
    (error,) = [p.error for p in refused.topic_partitions]
    assert error is not None
    assert error.code() == KafkaError.UNKNOWN_MEMBER_ID
    member.close()


def test_a_group_is_deleted_with_its_offsets_once_it_is_empty(clients: Clients) -> None:
    topic = clients.topic()
    name = f"delete-{topic}"
    member = joined(clients, name, topic)
    member.commit(offsets=[TopicPartition(topic, 0, 5)], asynchronous=False)

    def delete() -> None:
        clients.admin.delete_consumer_groups([name])[name].result()

    assert refusal(delete) == NON_EMPTY_GROUP
    member.close()
    delete()
    assert name not in listed(clients)
    assert refusal(delete) == NO_SUCH_GROUP
    again = clients.consumer(group_id=name)
    assert again.committed([TopicPartition(topic, 0)], timeout=60)[0].offset < 0
    again.close()


def test_single_offsets_are_deleted(clients: Clients) -> None:
    topic, other = clients.topic(), clients.topic()
    group = f"forget-{topic}"
    member = joined(clients, group, topic)
    both = [TopicPartition(topic, 0, 5), TopicPartition(other, 0, 6)]
    member.commit(offsets=both, asynchronous=False)
    asked = [
        {"name": name, "partitions": [{"partition_index": 0}]}
        for name in (topic, other, "no-such-topic")
    ]
    with coordinator(clients.endpoint.client_config(), group) as client:
        codes = forget(client, group, asked)
        assert codes == {topic: SUBSCRIBED, other: 0, "no-such-topic": UNKNOWN_TOPIC}
        found = [p.offset for p in member.committed(both, timeout=60)]
        assert (found[0], found[1] < 0) == (5, True)
        member.close()
        assert forget(client, group, asked[:1]) == {topic: 0}
        nowhere = client.ask("OffsetDelete", 0, group_id="no-such-group", topics=asked[:1])
        assert nowhere.error_code == NO_SUCH_GROUP


def test_offsets_of_a_live_group_of_another_kind_are_not_deleted(clients: Clients) -> None:
    topic = clients.topic()
    name = f"connectors-{topic}"
    with RawMember(clients.endpoint.client_config(), name) as worker:
        worker.join(protocol_type="connect")
        asked = [{"name": topic, "partitions": [{"partition_index": 0}]}]
        answer = worker.client.ask("OffsetDelete", 0, group_id=name, topics=asked)
        assert answer.error_code == NON_EMPTY_GROUP
        worker.leave()


def forget(client: Any, group: str, asked: list[dict[str, Any]]) -> dict[str, int]:
    answer = client.ask("OffsetDelete", 0, group_id=group, topics=asked)
    assert answer.error_code == 0
    return {t.name: int(t.partitions[0].error_code) for t in answer.topics}
