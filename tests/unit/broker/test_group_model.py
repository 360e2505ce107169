"""Whatever order members come, sync, fall silent and leave in, a group stays one group."""

import asyncio
from typing import Any

from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
)

from infra.broker.errors import Code, ProtocolError
from infra.broker.groups.group import Group
from infra.broker.groups.members import Claim, Joined, JoinRequest, State
from tests.unit.broker.clockwork import Clockwork

SESSION_S, REBALANCE_S = 10, 60
PROTOCOLS = (
    (("range", b"a"),),
    (("range", b"b"), ("sticky", b"b")),
    (("sticky", b"c"), ("range", b"c")),
)


class GroupLife(RuleBasedStateMachine):
    """Members that do what clients do, and what broken ones do."""

    answers = Bundle("answers")

    def __init__(self) -> None:
        super().__init__()
        self.loop = Clockwork()
        self.kept: list[tuple[int, State]] = []
        self.group = Group("g", lambda g: self.kept.append((g.generation, g.state)))
        self.waiting: list[asyncio.Future[Any]] = []
        self.fenced: set[str] = set()
        self.leaders: dict[int, set[str]] = {}

    def teardown(self) -> None:
        """Whoever still waits is told something before the longest timeout is over."""
        self.loop.advance(3 * REBALANCE_S)
        assert all(future.done() for future in self.waiting)
        assert self.group.state is State.EMPTY
        for future in self.waiting:
            if not future.cancelled():
                future.exception()
        self.loop.do(self.group.close)
        self.loop.close()

    def ask(self, step: Any) -> asyncio.Future[Any] | None:
        try:
            future: asyncio.Future[Any] = self.loop.do(step)
        except ProtocolError:
            return None
        self.waiting.append(future)
        return future

    @rule(
        target=answers,
        protocols=st.sampled_from(PROTOCOLS),
        instance=st.sampled_from([None, None, "one", "two"]),
        skips=st.booleans(),
    )
    def newcomer(self, protocols: Any, instance: str | None, skips: bool) -> Any:
        before = instance and self.group.roster.static(instance)
        joining = self.ask(
            lambda: self.group.join(_request("", protocols, instance, knows_skip=skips))
        )
        if joining is not None and before:
            self.fenced.add(before.id)
        return multiple() if joining is None else (joining, instance)

    @rule(target=answers, protocols=st.sampled_from(PROTOCOLS))
    def with_a_reserved_id(self, protocols: Any) -> Any:
        try:
            member_id = self.loop.do(lambda: self.group.reserve(_request("", protocols)))
        except ProtocolError:
            return multiple()
        joining = self.ask(lambda: self.group.join(_request(member_id, protocols)))
        assert joining is not None
        return (joining, None)

    @rule(protocols=st.sampled_from(PROTOCOLS))
    def reserves_and_never_comes(self, protocols: Any) -> None:
        try:
            self.loop.do(lambda: self.group.reserve(_request("", protocols)))
        except ProtocolError as error:
            refused = error.code
        else:
            return
        assert refused is Code.INCONSISTENT_GROUP_PROTOCOL

    @rule(target=answers, answer=answers, protocols=st.sampled_from(PROTOCOLS))
    def again(self, answer: Any, protocols: Any) -> Any:
        joined, instance = self._joined(answer), answer[1]
        joining = self.ask(lambda: self.group.join(_request(joined.member_id, protocols, instance)))
        return multiple() if joining is None else (joining, instance)

    @rule(answer=answers)
    def sync(self, answer: Any) -> None:
        self.sync_as(self._joined(answer), answer[1])

    def sync_as(self, joined: Joined, instance: str | None) -> None:
        claim = Claim(joined.member_id, joined.generation, instance)
        plan = {
            member_id: f"{joined.generation} {member_id}".encode()
            for member_id, _, _ in joined.members
        }
        self.ask(lambda: self.group.sync(claim, plan, (None, None)))

    @rule(leader_too=st.booleans())
    def those_who_were_told_sync(self, leader_too: bool) -> None:
        """What most clients do most of the time, so that groups become stable at all."""
        self.loop.advance(0.05)
        told = {}
        for future in self.waiting:
            joined = _result(future)
            if isinstance(joined, Joined) and joined.member_id in self.group.roster.by_id:
                told[joined.member_id] = joined
        for joined in sorted(told.values(), key=lambda j: j.member_id == j.leader):
            if leader_too or joined.member_id != joined.leader:
                member = self.group.roster.by_id.get(joined.member_id)
                self.sync_as(joined, member.instance_id if member else None)

    @rule(answer=answers)
    def heartbeat(self, answer: Any) -> None:
        joined = self._joined(answer)
        claim = Claim(joined.member_id, joined.generation, answer[1])
        try:
            self.loop.do(lambda: self.group.heartbeat(claim))
        except ProtocolError:
            return
        assert joined.generation == self.group.generation
        assert joined.member_id not in self.fenced

    @rule(answer=answers)
    def commit(self, answer: Any) -> None:
        joined = self._joined(answer)
        claim = Claim(joined.member_id, joined.generation, answer[1])
        try:
            self.loop.do(lambda: self.group.check_commit(claim))
        except ProtocolError:
            return
        assert joined.generation == self.group.generation
        assert joined.member_id in self.group.roster.by_id
        assert joined.member_id not in self.fenced

    @rule(answer=consumes(answers), by_instance=st.booleans())
    def leave(self, answer: Any, by_instance: bool) -> None:
        joined = self._joined(answer)
        one = ("", answer[1]) if by_instance else (joined.member_id, answer[1])
        self.loop.do(lambda: self.group.leave([one]))

    @rule(answer=answers)
    def connection_breaks(self, answer: Any) -> None:
        self.loop.do(answer[0].cancel)

    @rule(seconds=st.sampled_from([0.05, 1, SESSION_S * 0.7, SESSION_S + 1, REBALANCE_S + 1]))
    def time_passes(self, seconds: float) -> None:
        self.loop.advance(seconds)

    def _joined(self, answer: Any) -> Joined:
        joined = _result(answer[0])
        assume(isinstance(joined, Joined))
        assert isinstance(joined, Joined)
        return joined

    @invariant()
    def one_leader_among_the_members(self) -> None:
        if self.group.state in {State.SYNCING, State.STABLE}:
            assert self.group.leader in self.group.roster.by_id

    @invariant()
    def nobody_is_told_two_leaders_of_one_generation(self) -> None:
        for future in self.waiting:
            joined = _result(future)
            if isinstance(joined, Joined) and joined.members and not joined.skip_assignment:
                leaders = self.leaders.setdefault(joined.generation, set())
                leaders.add(joined.member_id)
                assert len(leaders) == 1

    @invariant()
    def what_is_owed_is_owed_by_the_state(self) -> None:
        group = self.group
        assert (group.state is State.EMPTY) == (len(group.roster) == 0)
        for member in group.roster:
            if group.state in {State.SYNCING, State.STABLE}:
                assert member.joining is None
            if group.state in {State.JOINING, State.STABLE}:
                assert member.syncing is None
        if group.state in {State.JOINING, State.SYNCING}:
            assert group._deadline is not None
            assert not group._deadline.cancelled()
            assert group._deadline.when() >= self.loop.time()

    @invariant()
    def a_stable_member_has_its_own_part_of_the_present_plan(self) -> None:
        if self.group.state is not State.STABLE:
            return
        for member in self.group.roster:
            generation, _, whose = member.assignment.decode().partition(" ")
            assert int(generation) == self.group.generation
            assert whose == member.id or member.instance_id is not None  # taken over

    @invariant()
    def one_member_for_an_instance_id(self) -> None:
        ids = [m.instance_id for m in self.group.roster if m.instance_id is not None]
        assert len(ids) == len(set(ids))

    @invariant()
    def generations_only_rise_and_are_kept(self) -> None:
        generations = [generation for generation, _ in self.kept]
        assert generations == sorted(generations)
        if self.group.state is State.STABLE:
            assert self.kept[-1] == (self.group.generation, State.STABLE)


def _result(future: asyncio.Future[Any]) -> Joined | bytes | None:
    if not future.done() or future.cancelled() or future.exception() is not None:
        return None
    result: Joined | bytes = future.result()
    return result


def _request(
    member_id: str, protocols: Any, instance: str | None = None, *, knows_skip: bool = False
) -> JoinRequest:
    times = (SESSION_S * 1000, REBALANCE_S * 1000)
    return JoinRequest(
        "g", member_id, *times, "other", protocols, False, instance, knows_skip=knows_skip
    )


TestGroupLife = GroupLife.TestCase
TestGroupLife.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
