"""Groups when the broker goes and comes back: nobody has to join anew, nobody gets back in."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition

from infra.broker import control, ownership
from tests.contract.broker.conftest import Clients, values_of
from tests.contract.broker.raw_client import RawMember
from tests.contract.broker.test_groups import poll_until
from tests.waiting import until

Start = Callable[..., Clients]


def end_broker(clients: Clients, number: signal.Signals = signal.SIGKILL) -> None:
    """End the broker's process, and wait until it is gone."""
    os.kill(clients.endpoint.pid, number)
    until(lambda: not ownership.is_owned(clients.data_dir), "the broker goes on")


def test_committed_offsets_survive_the_broker(start_broker: Start, tmp_path: Path) -> None:
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


def test_members_come_back_after_the_broker_did(start_broker: Start, tmp_path: Path) -> None:
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


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_restart_of_the_broker_is_no_rebalance(
    start_broker: Start, tmp_path: Path, end: signal.Signals
) -> None:
    clients = start_broker(tmp_path / "log")
    topic = clients.topic(partitions=2)
    plans: list[list[TopicPartition]] = []

    def planned(_: Consumer, partitions: list[TopicPartition]) -> None:
        plans.append(partitions)

    options = {"group_id": "g", "heartbeat_interval_ms": 100}
    members = [
        clients.consumer(**options),
        clients.consumer(group_instance_id="one", **options),
    ]
    for member in members:
        member.subscribe([topic], on_assign=planned, on_revoke=planned)
    poll_until(members, lambda: all(len(m.assignment()) == 1 for m in members))
    before = len(plans)

    port = clients.endpoint.port
    end_broker(clients, end)
    clients = start_broker(tmp_path / "log", port=port)
    for partition in (0, 1):
        producer = clients.producer()
        producer.produce(topic, b"after", partition=partition)
        assert producer.flush(60) == 0
    seen: set[tuple[int, int]] = set()
    poll_until(members, lambda: len(seen) == 2, on_message=seen.add)
    for member in members:
        member.commit(asynchronous=False)
    assert len(plans) == before
    for member in members:
        member.close()


def test_who_was_fenced_stays_fenced(start_broker: Start, tmp_path: Path) -> None:
    fenced = 82
    clients = start_broker(tmp_path / "log")
    topic = clients.topic()
    config = clients.endpoint.client_config()
    with RawMember(config, "g", group_instance_id="one") as former:
        former.join()
        former.sync({former.member_id: b"all"})
    with RawMember(config, "g", group_instance_id="one") as present:
        present.join()
    end_broker(clients)
    clients = start_broker(tmp_path / "log")
    config = clients.endpoint.client_config()
    with RawMember(config, "g", group_instance_id="one") as speaker:
        speaker.member_id, speaker.generation = former.member_id, former.generation
        assert speaker.commit(topic, 1) == speaker.heartbeat() == fenced
        speaker.member_id, speaker.generation = present.member_id, present.generation
        assert speaker.sync().assignment == b"all"
        assert speaker.commit(topic, 2) == speaker.heartbeat() == 0


def test_an_old_generation_stays_old(start_broker: Start, tmp_path: Path) -> None:
    illegal_generation = 22
    clients = start_broker(tmp_path / "log")
    topic = clients.topic()
    config = clients.endpoint.client_config()
    with RawMember(config, "g") as member:
        member.join()
        member.sync()
        old = member.generation
        member.join()  # a leader that joins again begins a generation
        assert member.generation == old + 1
        end_broker(clients)
    config = start_broker(tmp_path / "log").endpoint.client_config()
    with RawMember(config, "g") as speaker:
        speaker.member_id, speaker.generation = member.member_id, old
        assert speaker.commit(topic, 1) == speaker.heartbeat() == illegal_generation
        speaker.generation = member.generation
        assert speaker.sync({member.member_id: b"all"}).assignment == b"all"
        assert speaker.commit(topic, 1) == 0


@pytest.mark.parametrize("version", [0, 1])
def test_versions_that_apache_kafka_no_longer_speaks(
    start_broker: Start, tmp_path: Path, version: int
) -> None:
    config = start_broker(tmp_path / "log").endpoint.client_config()
    with RawMember(config, "g") as member:
        joined = member.join(version)
        assert (joined.error_code, joined.leader) == (0, member.member_id)
        assert member.sync({member.member_id: b"all"}, version).assignment == b"all"
        assert member.heartbeat(version) == 0
        assert member.leave(version).error_code == 0


def test_what_members_say_is_bounded(start_broker: Start, tmp_path: Path) -> None:
    message_too_large, unknown_server_error, most = 10, -1, 1_048_588
    config = start_broker(tmp_path / "log").endpoint.client_config()
    with RawMember(config, "g") as member:
        large = [{"name": "range", "metadata": b"m" * (most + 1)}]
        assert member.join(protocols=large).error_code == message_too_large
        member.join()
        answer = member.sync({member.member_id: b"m" * (most + 1)})
        assert answer.error_code == unknown_server_error
        assert len(member.sync({member.member_id: b"m" * most}).assignment) == most
