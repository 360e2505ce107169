"""Groups request by request: every version, every error code that a client can meet."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from infra.clock import fresh_id
from tests.contract.broker.conftest import Clients
from tests.contract.broker.raw_client import SUBSCRIPTION, RawMember
from tests.waiting import until

NONE, UNKNOWN_TOPIC, METADATA_TOO_LARGE = 0, 3, 12
ILLEGAL_GENERATION, INCONSISTENT_PROTOCOL, INVALID_GROUP_ID, UNKNOWN_MEMBER = 22, 23, 24, 25
INVALID_SESSION_TIMEOUT, REBALANCE_IN_PROGRESS, MEMBER_ID_REQUIRED, FENCED = 26, 27, 79, 82

Members = Callable[..., RawMember]


@pytest.fixture
def group() -> str:
    return f"raw-{fresh_id()}"


@pytest.fixture
def members(clients: Clients, group: str) -> Iterator[Members]:
    """Makes members of one group; all leave at the end, so that none holds up the next test."""
    made: list[RawMember] = []

    def make(**options: Any) -> RawMember:
        made.append(RawMember(clients.endpoint.client_config(), group, **options))
        return made[-1]

    yield make
    for member in made:
        member.client.close()


def form(members: Members, *options: dict[str, Any]) -> list[RawMember]:
    """Return the members of a stable group, the leader first; each has its number as its part."""
    made: list[RawMember] = []
    for own in options:
        member = members(**own)
        member.begin_join()
        if not own.get("group_instance_id"):
            assert member.end_join().error_code == MEMBER_ID_REQUIRED
            member.begin_join()
        for earlier in made:
            until_it_rebalances(earlier)
            earlier.begin_join()
        made.append(member)
        for one in made:
            assert one.end_join().error_code == NONE
    plan = {m.member_id: b"%d" % number for number, m in enumerate(made)}
    for number, member in enumerate(made):
        synced = member.sync(plan if number == 0 else {})
        assert (synced.error_code, synced.assignment) == (NONE, b"%d" % number)
    return made


@pytest.mark.parametrize("version", range(2, 10))
def test_a_member_alone_in_every_version(members: Members, version: int) -> None:
    member = members()
    member.begin_join(version)
    joined = member.end_join()
    if version >= 4:
        assert (joined.error_code, joined.generation_id) == (MEMBER_ID_REQUIRED, -1)
        assert joined.member_id.startswith("raw-")
        member.begin_join(version)
        joined = member.end_join()
    assert (joined.error_code, joined.leader) == (NONE, joined.member_id)
    assert joined.protocol_name == "range"
    assert [(m.member_id, m.metadata) for m in joined.members] == [(joined.member_id, SUBSCRIPTION)]
    assert member.sync({member.member_id: b"all"}, min(version, 5)).assignment == b"all"
    assert member.heartbeat(min(version, 4)) == NONE
    left = member.leave(min(version, 5))
    assert left.error_code == NONE
    if version >= 3:
        assert [m.error_code for m in left.members] == [NONE]
    assert member.heartbeat() == UNKNOWN_MEMBER


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"session_timeout": 0}, INVALID_SESSION_TIMEOUT),
        ({"session_timeout": 1_800_001}, INVALID_SESSION_TIMEOUT),
        ({"protocols": []}, INCONSISTENT_PROTOCOL),
        ({"protocol_type": ""}, INCONSISTENT_PROTOCOL),
        ({"member_id": "nobody"}, UNKNOWN_MEMBER),
        ({"member_id": "nobody", "group_instance_id": "one"}, UNKNOWN_MEMBER),
        ({"group_id": ""}, INVALID_GROUP_ID),
    ],
)
def test_who_may_not_join(members: Members, values: dict[str, Any], code: int) -> None:
    assert members().join(**values).error_code == code


def test_members_agree_on_a_protocol_that_all_know(members: Members) -> None:
    def prefers(*names: str) -> dict[str, Any]:
        protocols = [{"name": name, "metadata": name.encode()} for name in names]
        return {"protocol_type": "connect", "protocols": protocols}

    leader, _ = form(members, prefers("sticky", "range"), prefers("range", "other"))
    assert leader.joined.protocol_name == "range"
    assert {m.metadata for m in leader.joined.members} == {b"range"}
    stranger = members()
    assert stranger.join(**prefers("other")).error_code == INCONSISTENT_PROTOCOL
    assert stranger.join(protocol_type="consumer").error_code == INCONSISTENT_PROTOCOL


def test_strangers_and_old_generations_are_refused(clients: Clients, members: Members) -> None:
    topic = clients.topic()
    (member,) = form(members, {})
    old: dict[str, Any] = {"generation_id": 0, "generation_id_or_member_epoch": 0}
    strange: dict[str, Any] = {"member_id": "nobody"}
    assert member.heartbeat(**old) == ILLEGAL_GENERATION
    assert member.heartbeat(**strange) == UNKNOWN_MEMBER
    assert member.ask("SyncGroup", 5, **old).error_code == ILLEGAL_GENERATION
    assert member.ask("SyncGroup", 5, **strange).error_code == UNKNOWN_MEMBER
    assert member.ask("SyncGroup", 5, protocol_name="other").error_code == INCONSISTENT_PROTOCOL
    assert member.ask("SyncGroup", 5, protocol_type="other").error_code == INCONSISTENT_PROTOCOL
    assert member.commit(topic, 1, **old) == ILLEGAL_GENERATION
    assert member.commit(topic, 1, **strange) == UNKNOWN_MEMBER
    left = member.ask("LeaveGroup", 2, **strange)
    assert left.error_code == UNKNOWN_MEMBER
    nowhere: dict[str, Any] = {"group_id": "no-such-group"}
    assert member.heartbeat(**nowhere) == UNKNOWN_MEMBER
    assert member.ask("SyncGroup", 5, **nowhere).error_code == UNKNOWN_MEMBER
    assert member.leave(**nowhere).members[0].error_code == UNKNOWN_MEMBER
    assert member.commit(topic, 1, **nowhere) == ILLEGAL_GENERATION
    assert member.heartbeat(group_id="") == INVALID_GROUP_ID


def test_what_is_wrong_with_a_commit_is_told_for_each_partition(
    clients: Clients, members: Members
) -> None:
    topic = clients.topic()
    (member,) = form(members, {})
    assert member.commit(topic, 1, metadata="m" * 4096) == NONE
    assert member.commit(topic, 2, metadata="m" * 4097) == METADATA_TOO_LARGE
    assert member.commit(topic, 2, partition=1) == UNKNOWN_TOPIC
    assert member.commit("no-such-topic", 2) == UNKNOWN_TOPIC
    for version in range(2, 9):
        assert member.commit(topic, 10 + version, version) == NONE
    for version in range(1, 8):
        answer = member.ask(
            "OffsetFetch",
            version,
            topics=[{"name": topic, "partition_indexes": [0, 7]}],
            require_stable=True,
        )
        found, none = answer.topics[0].partitions
        assert (found.committed_offset, found.error_code) == (18, NONE)
        assert (none.committed_offset, none.error_code) == (-1, NONE)
    everything = member.ask("OffsetFetch", 7, topics=None, require_stable=False)
    assert [(t.name, len(t.partitions)) for t in everything.topics] == [(topic, 1)]


def test_while_the_group_rebalances(clients: Clients, members: Members) -> None:
    """Members hear of it by their heartbeats, may still commit, and not while a plan is made."""
    topic = clients.topic()
    (first,) = form(members, {})
    generation = first.generation
    second = members()
    second.begin_join()
    assert second.end_join().error_code == MEMBER_ID_REQUIRED
    assert first.heartbeat() == NONE  # an id that was only given out holds up nobody
    second.begin_join()
    until_it_rebalances(first)
    assert first.sync().error_code == REBALANCE_IN_PROGRESS
    assert first.commit(topic, 5) == NONE
    first.join()
    second.end_join()
    assert first.joined.generation_id == second.joined.generation_id == generation + 1
    assert second.joined.leader == first.member_id
    assert first.commit(topic, 6) == REBALANCE_IN_PROGRESS
    assert first.heartbeat() == NONE
    first.sync({first.member_id: b"one", second.member_id: b"two"})
    assert second.sync().assignment == b"two"
    assert first.commit(topic, 6) == NONE


def test_a_member_that_asks_twice_is_told_the_same(members: Members) -> None:
    leader, follower = form(members, {}, {})
    generation = leader.generation
    assert follower.join().generation_id == generation
    assert follower.joined.members == ()
    assert follower.sync().assignment == b"1"
    leader.begin_join()  # a leader that asks again wants a new plan
    until_it_rebalances(follower)
    follower.join()
    assert leader.end_join().generation_id == follower.generation == generation + 1
    assert len(leader.join().members) == 2  # its answer may have been lost
    assert leader.generation == generation + 1


def test_the_leader_dies_before_it_has_a_plan(members: Members) -> None:
    leader, follower = form(members, {"session_timeout": 6000}, {})
    leader.begin_join()
    until_it_rebalances(follower)
    follower.join()
    leader.end_join()
    leader.client.close()
    assert follower.sync().error_code == REBALANCE_IN_PROGRESS  # after the leader's session
    joined = follower.join()
    assert (joined.leader, len(joined.members)) == (follower.member_id, 1)


def test_who_does_not_join_in_time_is_out(members: Members) -> None:
    leader, follower = form(members, {}, {})
    leader.begin_join(rebalance_timeout=2000)  # the longest of all counts
    until_it_rebalances(follower)
    follower.begin_join(rebalance_timeout=2000)
    leader.end_join()
    follower.end_join()
    leader.sync({leader.member_id: b"", follower.member_id: b""})
    leader.begin_join(rebalance_timeout=2000)
    until(lambda: follower.heartbeat() == UNKNOWN_MEMBER)
    assert [m.member_id for m in leader.end_join().members] == [leader.member_id]


def test_two_processes_with_one_instance_id(clients: Clients, members: Members) -> None:
    topic = clients.topic()
    instance = {"group_instance_id": "one"}
    mine, its = form(members, instance, {"group_instance_id": "two"})
    later = members(**instance)
    joined = later.join(5)
    assert (joined.error_code, joined.generation_id) == (NONE, mine.generation)
    assert joined.member_id != mine.member_id
    assert joined.members == ()
    assert mine.heartbeat() == FENCED
    assert mine.commit(topic, 1) == FENCED
    assert mine.sync().error_code == FENCED
    assert mine.join().error_code == FENCED
    assert mine.leave().members[0].error_code == FENCED
    assert its.heartbeat() == later.heartbeat() == NONE
    assert later.sync().assignment == b"0"
    assert later.commit(topic, 1) == NONE


def test_a_restarted_leader_is_told_that_the_plan_stands(members: Members) -> None:
    leader, _ = form(members, {"group_instance_id": "one"}, {"group_instance_id": "two"})
    again = members(**leader.options)
    joined = again.join(9)
    assert joined.skip_assignment
    assert (joined.leader, len(joined.members)) == (joined.member_id, 2)
    assert {m.group_instance_id for m in joined.members} == {"one", "two"}
    assert again.sync().assignment == b"0"


def test_an_operator_takes_members_out(members: Members) -> None:
    form(members, {"group_instance_id": "one"}, {"group_instance_id": "two"})
    operator = members()
    names = ("one", "two", "three")
    left = operator.ask(
        "LeaveGroup",
        5,
        members=[{"member_id": "", "group_instance_id": n, "reason": "gone"} for n in names],
    )
    assert left.error_code == NONE
    assert [(m.group_instance_id, m.error_code) for m in left.members] == [
        ("one", NONE),
        ("two", NONE),
        ("three", UNKNOWN_MEMBER),
    ]


def until_it_rebalances(member: RawMember) -> None:
    """Send heartbeats until one is answered so."""
    until(lambda: member.heartbeat() == REBALANCE_IN_PROGRESS)
