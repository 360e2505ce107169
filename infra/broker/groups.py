"""Consumer groups of the classic protocol: who is a member, and which generation has which plan.

The broker never looks into what members exchange: range, round-robin and cooperative-sticky are
plans that the group's leader makes.
"""

import asyncio
import logging
from dataclasses import dataclass, field

from infra.broker.errors import Code, ProtocolError
from infra.broker.members import Joined, JoinRequest, Member, State, refuse, stop
from infra.clock import fresh_id

_LOG = logging.getLogger(__name__)
_FIRST_JOIN_DELAY_S = 0.02  # members that start together become one generation
_SESSION_MS = (6_000, 1_800_000)  # Kafka's group.min/max.session.timeout.ms


@dataclass(eq=False, slots=True)
class Group:
    """One consumer group."""

    id: str
    state: State = State.EMPTY
    generation: int = 0
    protocol_type: str = ""
    protocol: str = ""
    leader: str = ""
    members: dict[str, Member] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)  # ids given out, not yet joined with
    gathering: bool = False  # the first members are given an instant to arrive together
    deadline: asyncio.TimerHandle | None = None

    def join(self, request: JoinRequest) -> asyncio.Future[Joined]:
        """Take a member in; the future ends with the generation."""
        if self.members and not self._fits(request):
            raise ProtocolError(
                Code.INCONSISTENT_GROUP_PROTOCOL,
                f"group {self.id} shares no protocol with the new member",
            )
        member = self.members.get(request.member_id)
        changed = member is None or member.protocols != request.protocols
        if member is None:
            member = self._new_member(request)
        member.protocols = request.protocols
        member.session_timeout_ms = request.session_timeout_ms
        member.rebalance_timeout_ms = request.rebalance_timeout_ms
        self.protocol_type = request.protocol_type
        refuse(member.joining, Code.UNKNOWN_MEMBER_ID, "the same member joined again")
        joining = member.joining = asyncio.get_running_loop().create_future()
        if self._may_stay(member, changed=changed):
            self._tell_joined(member)
            return joining
        stop(member.session)  # while it waits to be told, it is alive
        self._rebalance()
        if self.state is State.JOINING and self._all_joined():
            self._complete_join()
        return joining

    def _new_member(self, request: JoinRequest) -> Member:
        member_id = request.member_id or f"member-{fresh_id()}"
        self.pending.discard(member_id)
        return self.members.setdefault(
            member_id,
            Member(
                member_id,
                request.session_timeout_ms,
                request.rebalance_timeout_ms,
                request.protocols,
            ),
        )

    def _fits(self, request: JoinRequest) -> bool:
        others = [m for m in self.members.values() if m.id != request.member_id]
        names = {name for name, _ in request.protocols}
        for other in others:
            names &= {name for name, _ in other.protocols}
        return bool(names) and (not others or request.protocol_type == self.protocol_type)

    def _may_stay(self, member: Member, *, changed: bool) -> bool:
        """Whether a member only repeats itself; a leader that does so wants a new plan."""
        if changed or member.id not in self.members:
            return False
        if self.state is State.SYNCING:
            return True
        return self.state is State.STABLE and member.id != self.leader

    def _rebalance(self) -> None:
        """Begin to collect the members, unless that has begun."""
        if self.state is State.JOINING:
            return
        loop = asyncio.get_running_loop()
        first = self.state is State.EMPTY
        self.state = State.JOINING
        for member in self.members.values():
            refuse(member.syncing, Code.REBALANCE_IN_PROGRESS, "the group rebalances")
            member.syncing = None
        wait_s = max(m.rebalance_timeout_ms for m in self.members.values()) / 1000
        if first:
            self.gathering = True
            self.deadline = loop.call_later(_FIRST_JOIN_DELAY_S, self._gathered, wait_s)
        else:
            self._wait_for_members(wait_s)

    def _gathered(self, wait_s: float) -> None:
        self.gathering = False
        self._wait_for_members(wait_s)

    def _wait_for_members(self, wait_s: float) -> None:
        """Complete when everybody has joined, at the latest after the rebalance timeout."""
        loop = asyncio.get_running_loop()
        self.deadline = loop.call_later(wait_s, self._complete_join)
        if self._all_joined():
            self._complete_join()

    def _all_joined(self) -> bool:
        return not self.gathering and all(m.joining is not None for m in self.members.values())

    def _complete_join(self) -> None:
        """Form a generation of the members that joined; the others are out."""
        stop(self.deadline)
        self.deadline = None
        for member in [m for m in self.members.values() if m.joining is None]:
            self._drop(member)
        if not self.members:
            self._become_empty()
            return
        self.generation += 1
        self.state = State.SYNCING
        self.protocol = self._vote()
        if self.leader not in self.members:
            self.leader = next(iter(self.members))
        for member in list(self.members.values()):
            member.assignment = b""
            self._tell_joined(member)

    def _vote(self) -> str:
        """Choose the protocol that all know and most members prefer."""
        known = [[name for name, _ in m.protocols] for m in self.members.values()]
        shared = set(known[0]).intersection(*known)
        votes = [next(name for name in names if name in shared) for names in known]
        return max(dict.fromkeys(votes), key=votes.count)

    def _tell_joined(self, member: Member) -> None:
        members: list[tuple[str, bytes]] = []
        if member.id == self.leader:
            members = [(m.id, dict(m.protocols)[self.protocol]) for m in self.members.values()]
        joining, member.joining = member.joining, None
        if joining is not None and not joining.done():
            joining.set_result(
                Joined(
                    self.generation,
                    self.protocol_type,
                    self.protocol,
                    self.leader,
                    member.id,
                    members,
                )
            )
        self.touch(member)

    def sync(
        self, member_id: str, generation: int, plan: dict[str, bytes]
    ) -> asyncio.Future[bytes]:
        """Take the leader's plan, or wait for it; the future ends with the member's part."""
        member = self.member(member_id, generation)
        if self.state is State.JOINING:
            raise ProtocolError(Code.REBALANCE_IN_PROGRESS, "the group rebalances")
        syncing: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.touch(member)
        if self.state is State.STABLE:
            syncing.set_result(member.assignment)
            return syncing
        member.syncing = syncing
        if member_id == self.leader:
            self.state = State.STABLE
            for other in self.members.values():
                other.assignment = plan.get(other.id, b"")
                if other.syncing is not None and not other.syncing.done():
                    other.syncing.set_result(other.assignment)
                other.syncing = None
        return syncing

    def heartbeat(self, member_id: str, generation: int) -> None:
        """Note that a member is alive, and tell it of a rebalance."""
        self.touch(self.member(member_id, generation))
        if self.state is State.JOINING:
            raise ProtocolError(Code.REBALANCE_IN_PROGRESS, "the group rebalances")

    def member(self, member_id: str, generation: int) -> Member:
        """Return a member; raises `ProtocolError` for a stranger or an old generation."""
        member = self.members.get(member_id)
        if member is None:
            raise ProtocolError(
                Code.UNKNOWN_MEMBER_ID, f"{member_id!r} is no member of group {self.id}"
            )
        if generation != self.generation:
            raise ProtocolError(
                Code.ILLEGAL_GENERATION,
                f"group {self.id} is at generation {self.generation}, not {generation}",
            )
        return member

    def leave(self, member_id: str) -> None:
        """Take a member out at its own wish."""
        if member_id in self.pending:
            self.pending.discard(member_id)
            return
        member = self.members.get(member_id)
        if member is None:
            raise ProtocolError(
                Code.UNKNOWN_MEMBER_ID, f"{member_id!r} is no member of group {self.id}"
            )
        self._remove(member)

    def touch(self, member: Member) -> None:
        """Begin the member's session timeout anew."""
        stop(member.session)
        loop = asyncio.get_running_loop()
        delay_s = member.session_timeout_ms / 1000
        member.session = loop.call_later(delay_s, self._session_over, member)

    def _session_over(self, member: Member) -> None:
        _LOG.info("group %s: %s was silent for its session timeout", self.id, member.id)
        self._remove(member)

    def _remove(self, member: Member) -> None:
        self._drop(member)
        if not self.members:
            self._become_empty()
        elif self.state is not State.JOINING:
            self._rebalance()
        elif self._all_joined():
            self._complete_join()

    def _drop(self, member: Member) -> None:
        self.members.pop(member.id, None)
        stop(member.session)
        for waiting in (member.joining, member.syncing):
            refuse(waiting, Code.UNKNOWN_MEMBER_ID, "the member left the group")

    def _become_empty(self) -> None:
        stop(self.deadline)
        self.deadline = None
        self.gathering = False
        self.state = State.EMPTY
        self.generation += 1
        self.leader = self.protocol = ""

    def close(self) -> None:
        """Stop all timers."""
        stop(self.deadline)
        for member in self.members.values():
            stop(member.session)


class Groups:
    """All groups by id; membership lives in memory: after a restart the members join anew."""

    def __init__(self) -> None:
        self._groups: dict[str, Group] = {}

    def find(self, group_id: str) -> Group:
        """Return a group, made when it is asked for the first time."""
        if not group_id:
            raise ProtocolError(Code.INVALID_GROUP_ID, "the group id is empty")
        return self._groups.setdefault(group_id, Group(group_id))

    def join(self, request: JoinRequest) -> asyncio.Future[Joined] | str:
        """Take a member in, or give a newcomer the id that it has to join with."""
        group = self.find(request.group)
        if not _SESSION_MS[0] <= request.session_timeout_ms <= _SESSION_MS[1]:
            raise ProtocolError(
                Code.INVALID_SESSION_TIMEOUT,
                f"session timeout {request.session_timeout_ms} ms, allowed {_SESSION_MS}",
            )
        if not request.member_id and request.needs_known_id:
            member_id = f"member-{fresh_id()}"
            group.pending.add(member_id)
            return member_id
        stranger = request.member_id and request.member_id not in group.members
        if stranger and request.member_id not in group.pending:
            raise ProtocolError(
                Code.UNKNOWN_MEMBER_ID, f"{request.member_id!r} is no member of {request.group}"
            )
        return group.join(request)

    def close(self) -> None:
        """Stop all timers."""
        for group in self._groups.values():
            group.close()
