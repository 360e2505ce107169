"""One consumer group of the classic protocol: which generation it is at, and with which plan.

The broker does not make plans: range, round-robin and cooperative-sticky are those of the group's
leader, one of the members. Members come in three steps. They *join*, until all have or the time is
over, which begins a generation; they *sync*, the leader with the plan, the others for their part
of it; they send *heartbeats*, and learn by the answer that they have to join again.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

from infra.broker.errors import Code, ProtocolError
from infra.broker.groups.members import (
    Claim,
    Joined,
    JoinRequest,
    Member,
    State,
    refuse,
    stop,
    vote,
)
from infra.broker.groups.roster import Roster, fresh_member_id

_LOG = logging.getLogger(__name__)
_FIRST_JOIN_DELAY_S = 0.02  # members that start together become one generation
MOST_METADATA = 1_048_588  # bytes of one member's metadata and of a plan: Kafka's message.max.bytes


class Group:
    """One group; `changed` is called with it before anybody hears what must outlive a crash."""

    def __init__(self, group_id: str, changed: Callable[["Group"], None]) -> None:
        self.id = group_id
        self.state = State.EMPTY
        self.generation = 0
        self.protocol_type = ""
        self.protocol = ""
        self.leader = ""
        self.roster = Roster(group_id, self._settle)
        self._changed = changed
        self._gathering = False  # the first members are given an instant to arrive together
        self._deadline: asyncio.TimerHandle | None = None

    def resume(self, left: Callable[[str], float | None]) -> None:
        """Go on after a restart; `left` is what a member has of its session in s, null for all."""
        for member in self.roster:
            self.roster.touch(member, left(member.id))
        if self.state is State.JOINING:
            self._wait(self._complete_join)
        elif self.state is State.SYNCING:
            self._wait(self._sync_overdue)

    # Joining

    def reserve(self, request: JoinRequest) -> str:
        """Return the id that a newcomer has to join with."""
        self.roster.check_protocols(request, self.protocol_type)
        return self.roster.reserve(request)

    def join(self, request: JoinRequest) -> asyncio.Future[Joined]:
        """Take a member in; the future ends with the generation."""
        self.roster.check_protocols(request, self.protocol_type)
        if request.instance_id is not None and not request.member_id:
            former = self.roster.static(request.instance_id)
            if former is not None:
                return self._replace(former, request)
        if not request.member_id or request.member_id in self.roster.pending:
            member, stays = self.roster.admit(request), False
        else:
            member = self.roster.find(Claim(request.member_id, -1, request.instance_id))
            stays = self._may_stay(member, request)
            member.update(request)
        self.protocol_type = request.protocol_type
        joining = self._park(member)
        if stays:
            self._tell_joined(member, self.leader)
        else:
            self._settle()
        return joining

    def _may_stay(self, member: Member, request: JoinRequest) -> bool:
        """Whether a member only repeats itself; a leader that does so wants a new plan."""
        if member.protocols != request.protocols:
            return False
        if self.state is State.SYNCING:
            return True
        return self.state is State.STABLE and member.id != self.leader

    def _replace(self, former: Member, request: JoinRequest) -> asyncio.Future[Joined]:
        """Give a static member that starts anew its place, and fence who had it before.

        In a stable group it takes over its part of the plan, and nobody else notices.
        """
        member = Member.of(request, fresh_member_id(request))
        same = request.protocol_type == self.protocol_type
        same = same and self.roster.wishes_the_same(former, member, self.protocol)
        keeps_plan = same and self.state is State.STABLE
        member.assignment, member.synced = former.assignment, former.synced
        self.roster.drop(former, Code.FENCED_INSTANCE_ID, "a later one has its instance id")
        self.roster.by_id[member.id] = member
        leader = self.leader
        if leader == former.id:
            self.leader = member.id
        self.protocol_type = request.protocol_type
        joining = self._park(member)
        if not keeps_plan:
            self._settle()
            return joining
        self._changed(self)
        # one that heard that it leads would make a plan that nobody asks for, unless it is told so
        leads = request.knows_skip and self.leader == member.id
        self._tell_joined(member, member.id if leads else leader, skip=leads)
        return joining

    def _park(self, member: Member) -> asyncio.Future[Joined]:
        refuse(member.joining, Code.UNKNOWN_MEMBER_ID, "the same member joined again")
        member.joining = asyncio.get_running_loop().create_future()
        self.roster.touch(member)
        return member.joining

    def _settle(self) -> None:
        """After members came or went: collect them, or see whether all are there."""
        if not len(self.roster):
            self._become_empty()
        elif self.state is not State.JOINING:
            self._rebalance()
        elif self._all_joined():
            self._complete_join()

    def _rebalance(self) -> None:
        self._gathering = self.state is State.EMPTY
        self.state = State.JOINING
        for member in self.roster:
            if member.syncing is not None:
                refuse(member.syncing, Code.REBALANCE_IN_PROGRESS, "the group rebalances")
                member.syncing = None
                self.roster.touch(member)
        if self._gathering:
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_later(_FIRST_JOIN_DELAY_S, self._gathered)
        else:
            self._gathered()

    def _gathered(self) -> None:
        self._gathering = False
        if self._all_joined():
            self._complete_join()
        else:
            self._wait(self._complete_join)

    def _all_joined(self) -> bool:
        return not self._gathering and all(m.joining is not None for m in self.roster)

    def _wait(self, then: Callable[[], None]) -> None:
        """Give the members the longest of their rebalance timeouts."""
        stop(self._deadline)
        wait_s = max(m.rebalance_timeout_ms for m in self.roster) / 1000
        self._deadline = asyncio.get_running_loop().call_later(wait_s, then)

    def _complete_join(self) -> None:
        """Form a generation of those that joined; of the others, only static members stay."""
        for member in self.roster:
            if member.joining is None and member.instance_id is None:
                _LOG.info("group %s: %s did not join in time", self.id, member.id)
                self.roster.drop(member)
        joined = [m.id for m in self.roster if m.joining is not None]
        if not len(self.roster):
            self._become_empty()
        elif not joined:
            self._wait(self._complete_join)  # all are static: their session timeouts decide
        else:
            self._begin_generation(self.leader if self.leader in joined else joined[0])

    def _begin_generation(self, leader: str) -> None:
        self.generation += 1
        self.state = State.SYNCING
        self.leader = leader
        self.protocol = vote(list(self.roster))
        for member in self.roster:
            member.assignment, member.synced = b"", False
        self._wait(self._sync_overdue)
        self._changed(self)
        for member in self.roster:
            self._tell_joined(member, leader)

    def _tell_joined(self, member: Member, leader: str, *, skip: bool = False) -> None:
        members: list[tuple[str, str | None, bytes]] = []
        if member.id == leader:
            members = [(m.id, m.instance_id, m.metadata(self.protocol)) for m in self.roster]
        joining, member.joining = member.joining, None
        if joining is not None and not joining.done():
            told = (self.generation, self.protocol_type, self.protocol, leader, member.id, members)
            joining.set_result(Joined(*told, skip_assignment=skip))
        self.roster.touch(member)

    # Syncing

    def sync(
        self, claim: Claim, plan: Mapping[str, bytes], agreed: tuple[str | None, str | None]
    ) -> asyncio.Future[bytes]:
        """Take the leader's plan, or wait for it; the future ends with the member's part.

        `agreed` is the protocol's type and name as the member knows them, null where it does not.
        """
        member = self.member(claim)
        for said, known in zip(agreed, (self.protocol_type, self.protocol), strict=True):
            if said is not None and said != known:
                raise ProtocolError(
                    Code.INCONSISTENT_GROUP_PROTOCOL, f"{member.id} syncs {said}, not {known}"
                )
        self.roster.touch(member)
        if self.state is State.JOINING:
            raise ProtocolError(Code.REBALANCE_IN_PROGRESS, "the group rebalances")
        leads = self.state is State.SYNCING and member.id == self.leader
        if leads and sum(map(len, plan.values())) > MOST_METADATA:
            raise ProtocolError(
                Code.UNKNOWN_SERVER_ERROR,
                f"the plan of group {self.id} is larger than {MOST_METADATA} bytes",
            )
        refuse(member.syncing, Code.REBALANCE_IN_PROGRESS, "the same member asked again")
        syncing = member.syncing = asyncio.get_running_loop().create_future()
        member.synced = True
        if leads:
            self.state = State.STABLE
            for other in self.roster:
                other.assignment = plan.get(other.id, b"")
            self._changed(self)
        if self.state is State.STABLE:
            self._hand_out()
        return syncing

    def _hand_out(self) -> None:
        for member in self.roster:
            if member.syncing is not None:
                if not member.syncing.done():
                    member.syncing.set_result(member.assignment)
                member.syncing = None
                self.roster.touch(member)
        if all(member.synced for member in self.roster):
            stop(self._deadline)
            self._deadline = None

    def _sync_overdue(self) -> None:
        """Go on without the members that joined and then never asked for the plan."""
        for member in self.roster:
            if not member.synced:
                _LOG.info("group %s: %s did not sync in time", self.id, member.id)
                self.roster.drop(member)
        self._settle()

    # Staying and leaving

    def member(self, claim: Claim) -> Member:
        """Return a member; raises `ProtocolError` for a stranger or an old generation."""
        member = self.roster.find(claim)
        if claim.generation != self.generation:
            raise ProtocolError(
                Code.ILLEGAL_GENERATION,
                f"group {self.id} is at generation {self.generation}, not {claim.generation}",
            )
        return member

    def heartbeat(self, claim: Claim) -> None:
        """Note that a member is alive, and tell it of a rebalance."""
        self.roster.touch(self.member(claim))
        if self.state is State.JOINING:
            raise ProtocolError(Code.REBALANCE_IN_PROGRESS, "the group rebalances")

    def check_commit(self, claim: Claim, *, transactional: bool = False) -> None:
        """Raise `ProtocolError` if the sender may not commit offsets of this group now.

        Without a generation it is a consumer that assigns itself, or an operator: that is for a
        group without members. The producer of a transaction may not know of generations at all.
        """
        anonymous = claim.generation < 0 and not claim.member_id and claim.instance_id is None
        if claim.generation < 0 and (self.state is State.EMPTY or (anonymous and transactional)):
            return
        member = self.member(claim)
        if transactional:
            return
        if self.state is State.SYNCING:
            raise ProtocolError(Code.REBALANCE_IN_PROGRESS, "the group rebalances")
        self.roster.touch(member)

    def leave(self, leaving: list[tuple[str, str | None]]) -> list[Code]:
        """Take members out at their own wish, or at an operator's, who names instance ids alone."""
        before = len(self.roster)
        codes = [self.roster.leave(*one) for one in leaving]
        if len(self.roster) < before:
            self._settle()
            if self.state is State.JOINING:
                self._changed(self)
        return codes

    def _become_empty(self) -> None:
        stop(self._deadline)
        self._deadline = None
        self._gathering = False
        self.state = State.EMPTY
        self.generation += 1
        self.leader = self.protocol = ""
        self._changed(self)

    def close(self) -> None:
        """Stop all timers."""
        stop(self._deadline)
        self.roster.close()
