"""Members with an instance id, step by step: who leads, who is fenced, who notices."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.broker.errors import Code, ProtocolError
from infra.broker.groups import store
from infra.broker.groups.members import Claim, Joined, JoinRequest, State
from infra.broker.groups.offsets import Committed, CommittedOffsets
from infra.broker.groups.registry import Groups
from infra.clock import utc_micros
from tests.unit.broker.clockwork import Clockwork

SESSION_S, REBALANCE_S = 6, 60


def wishes(*topics: str, owned: bytes = b"") -> tuple[tuple[str, bytes], ...]:
    """Return a consumer's metadata: version, topics, and what it owned before."""
    named = b"".join(len(t).to_bytes(2, "big") + t.encode() for t in topics)
    return (("range", b"\0\1" + len(topics).to_bytes(4, "big") + named + owned),)


class Site:
    """Groups in a directory, and members that speak to them; it can crash and start again."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.loop = Clockwork()
        self.start()

    def start(self) -> None:
        self.offsets = CommittedOffsets(self.data_dir)
        self.groups = Groups(self.data_dir, self.offsets)
        self.loop.do(self.groups.open)

    def restart(self) -> None:
        """End in good order and start again."""
        self.loop.do(self.groups.close)
        self.offsets.close()
        self.start()

    def crash(self) -> None:
        """Forget what is in memory; what was written is there."""
        for group_id in self.groups.ids():
            group = self.groups.get(group_id)
            if group is not None:
                self.loop.do(group.close)
        self.start()

    def request(
        self, instance: str | None, member_id: str = "", **options: Any
    ) -> asyncio.Future[Joined]:
        """Send a JoinGroup."""
        times = (SESSION_S * 1000, REBALANCE_S * 1000)
        protocols = options.pop("protocols", wishes("t"))
        request = JoinRequest(
            "g", member_id, *times, "consumer", protocols, False, instance, **options
        )
        outcome = self.loop.do(lambda: self.groups.join(request))
        assert isinstance(outcome, asyncio.Future)
        return outcome

    def form(self, *instances: str | None) -> list[Joined]:
        """Return the members of a stable group."""
        asked = [self.request(instance) for instance in instances]
        self.loop.advance(0.05)
        joined = [future.result() for future in asked]
        plan = {j.member_id: f"of {i}".encode() for i, j in zip(instances, joined, strict=True)}
        for j, instance in zip(joined, instances, strict=True):
            self.sync(j, instance, plan if j.member_id == j.leader else {})
        assert self.group.state is State.STABLE
        return joined

    def sync(self, joined: Joined, instance: str | None, plan: dict[str, bytes]) -> Any:
        claim = Claim(joined.member_id, joined.generation, instance)
        return self.loop.do(lambda: self.group.sync(claim, plan, (None, None)))

    @property
    def group(self) -> Any:
        return self.groups.get("g")

    def code(self, joined: Joined, instance: str | None) -> Code:
        """Return what a member hears to its heartbeat; it may commit if it is one."""
        claim = Claim(joined.member_id, joined.generation, instance)
        committing, beating = (
            self.try_to(step, claim) for step in (self.group.check_commit, self.group.heartbeat)
        )
        assert committing is (Code.NONE if beating is Code.REBALANCE_IN_PROGRESS else beating)
        return beating

    def try_to(self, step: Callable[[Claim], None], claim: Claim) -> Code:
        try:
            self.loop.do(lambda: step(claim))
        except ProtocolError as refused:
            return refused.code
        return Code.NONE


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.loop.do(site.groups.close)
    site.loop.close()


@pytest.mark.parametrize("number", [0, 1])
def test_a_restarted_member_gets_its_part_and_nobody_notices(site: Site, number: int) -> None:
    """Number 0 is the leader, which must not believe that it has to make a plan."""
    names = ("one", "two")
    before = site.form(*names)
    again = site.request(names[number], protocols=wishes("t", owned=b"\0\0\0\1more")).result()
    assert again.member_id != before[number].member_id
    assert (again.generation, again.members) == (before[0].generation, [])
    assert again.leader != again.member_id
    assert site.code(before[1 - number], names[1 - number]) is Code.NONE
    assert site.code(again, names[number]) is Code.NONE
    assert site.code(before[number], names[number]) is Code.FENCED_INSTANCE_ID
    assert site.sync(again, names[number], {}).result() == f"of {names[number]}".encode()


def test_a_leader_that_understands_it_is_told_to_leave_the_plan(site: Site) -> None:
    first, _ = site.form("one", "two")
    again = site.request("one", knows_skip=True).result()
    assert again.skip_assignment
    assert again.leader == again.member_id != first.member_id
    assert len(again.members) == 2


@pytest.mark.parametrize(
    "protocols", [wishes("t", "more"), (("sticky", b""), *wishes("t"))], ids=["topics", "protocol"]
)
def test_one_that_wishes_something_else_begins_a_rebalance(site: Site, protocols: Any) -> None:
    (first,) = site.form("one")
    again = site.request("one", protocols=protocols).result()
    assert again.generation == first.generation + 1
    assert again.leader == again.member_id


def test_one_that_comes_while_the_leader_plans_is_in_the_next_plan(site: Site) -> None:
    asked = [site.request("one"), site.request("two")]
    site.loop.advance(0.05)
    first, second = (future.result() for future in asked)
    waiting = site.sync(second, "two", {})
    again = site.request("two")
    assert waiting.exception().code is Code.FENCED_INSTANCE_ID
    assert site.code(first, "one") is Code.REBALANCE_IN_PROGRESS
    rejoined = site.request("one", first.member_id).result()
    assert rejoined.generation == again.result().generation == first.generation + 1
    assert [instance for _, instance, _ in rejoined.members] == ["one", "two"]


def test_one_that_waits_to_join_is_fenced_by_the_next(site: Site) -> None:
    first, second = site.request("one"), site.request("one")
    assert first.exception().code is Code.FENCED_INSTANCE_ID  # type: ignore[union-attr]
    site.loop.advance(0.05)
    assert second.result().generation == 1


def test_its_session_is_the_time_a_restart_may_take(site: Site) -> None:
    _, second = site.form("one", None)
    site.loop.advance(SESSION_S * 0.9)
    assert site.code(second, None) is Code.NONE
    site.loop.advance(SESSION_S * 0.2)
    assert site.code(second, None) is Code.REBALANCE_IN_PROGRESS
    assert site.group.roster.static("one") is None


def test_the_rebalance_timeout_puts_out_only_members_without_instance_id(site: Site) -> None:
    one, two, dynamic = site.form("one", "two", None)
    rejoining = site.request("one", one.member_id)
    for _ in range(REBALANCE_S // 5 + 1):
        site.loop.advance(5)
        if not rejoining.done():
            assert site.code(two, "two") is Code.REBALANCE_IN_PROGRESS
            assert site.code(dynamic, None) is Code.REBALANCE_IN_PROGRESS
    told = rejoining.result()
    assert [instance for _, instance, _ in told.members] == ["one", "two"]


def test_static_members_that_all_tarry_are_waited_for_once_more(site: Site) -> None:
    one, two, dynamic = site.form("one", "two", None)
    site.loop.do(lambda: site.group.leave([(dynamic.member_id, None)]))
    rejoining = None
    for step in range(2 * REBALANCE_S // 5 + 2):
        site.loop.advance(5)
        if site.group.state is State.JOINING:
            assert site.code(two, "two") is Code.REBALANCE_IN_PROGRESS
            assert site.code(one, "one") is Code.REBALANCE_IN_PROGRESS
        if step == REBALANCE_S // 5 + 1:
            rejoining = site.request("one", one.member_id)
    assert rejoining is not None
    assert len(rejoining.result().members) == 2


def test_an_operator_takes_one_out_by_its_instance_id(site: Site) -> None:
    first, _ = site.form("one", "two")
    codes = site.loop.do(lambda: site.group.leave([("", "two"), ("", "three"), ("x", "one")]))
    assert codes == [Code.NONE, Code.UNKNOWN_MEMBER_ID, Code.FENCED_INSTANCE_ID]
    assert site.code(first, "one") is Code.REBALANCE_IN_PROGRESS


def test_all_goes_on_after_a_crash_of_the_broker(site: Site) -> None:
    former, dynamic = site.form("one", None)
    again = site.request("one").result()
    site.crash()
    assert site.group.state is State.STABLE
    assert site.code(again, "one") is Code.NONE
    assert site.code(dynamic, None) is Code.NONE
    assert site.code(former, "one") is Code.FENCED_INSTANCE_ID
    assert site.sync(again, "one", {}).result() == b"of one"


def test_members_that_do_not_come_back_are_out_after_their_session(site: Site) -> None:
    site.form("one", None)
    site.offsets.commit([(("g", "t", 0), Committed(1))])
    site.crash()
    site.loop.advance(SESSION_S + 1)
    assert site.group.state is State.EMPTY
    site.crash()
    assert (site.group.state, site.group.generation) == (State.EMPTY, 2)


def test_an_old_generation_is_not_accepted_after_a_crash(site: Site) -> None:
    (old,) = site.form(None)
    joining = site.request(None)
    new = site.request(None, old.member_id).result()
    site.crash()  # before the leader has synced
    assert joining.result().generation == new.generation
    assert site.code(old, None) is Code.ILLEGAL_GENERATION
    assert site.sync(new, None, {new.member_id: b"plan"}).result() == b"plan"


def test_who_was_taken_out_stays_out_after_a_crash(site: Site) -> None:
    _, second = site.form("one", "two")
    site.loop.do(lambda: site.group.leave([("", "two")]))
    site.crash()
    assert site.group.state is State.JOINING
    assert site.code(second, "two") is Code.UNKNOWN_MEMBER_ID


def test_after_a_good_end_members_have_what_was_left_of_their_sessions(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that nobody needed ends itself; who died before holds up nobody after."""
    _, dynamic = site.form("one", None)
    site.loop.advance(1)
    assert site.code(dynamic, None) is Code.NONE
    ended_us = utc_micros()
    later_us = ended_us + round((SESSION_S - 0.5) * 1e6)
    monkeypatch.setattr(store, "utc_micros", lambda: ended_us)
    site.loop.do(site.groups.close)
    monkeypatch.setattr(store, "utc_micros", lambda: later_us)
    site.start()
    assert site.code(dynamic, None) is Code.REBALANCE_IN_PROGRESS
    assert site.group.roster.static("one") is None


def test_the_end_of_the_machine_is_the_end_of_its_processes(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.form("one", None)
    monkeypatch.setattr(store, "boot_id", lambda: "another")
    site.crash()
    assert site.group.state is State.EMPTY


def test_a_quick_restart_changes_nothing(site: Site) -> None:
    _, dynamic = site.form("one", None)
    for _ in range(3):
        site.restart()
        assert site.group.state is State.STABLE
        assert site.code(dynamic, None) is Code.NONE


def test_groups_without_members_and_offsets_are_forgotten(site: Site) -> None:
    (only,) = site.form(None)
    site.loop.do(lambda: site.group.leave([(only.member_id, None)]))
    assert site.groups.ids() == ["g"]
    site.loop.advance(700)
    assert site.groups.ids() == []
    site.crash()
    assert site.groups.ids() == []


def test_the_file_of_groups_does_not_grow_for_ever(site: Site) -> None:
    site.form(None)
    for _ in range(6000):
        site.groups._store.keep(site.group)
    assert (site.data_dir / "groups.log").stat().st_size < 1.1 * (1 << 20)
    site.crash()
    assert site.group.state is State.STABLE
