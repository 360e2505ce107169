"""The members of one group: who may speak for it, and how long each may be silent."""

import asyncio
import logging
from collections.abc import Callable, Iterator

from infra.broker.errors import Code, ProtocolError
from infra.broker.groups.members import Claim, JoinRequest, Member, refuse, shared, stop, vote
from infra.broker.groups.subscription import topics_of
from infra.clock import fresh_id

_LOG = logging.getLogger(__name__)


class Roster:
    """Members by their ids, and ids that were given out and not yet joined with.

    `left` is called after a member that was silent for its session timeout is out.
    """

    def __init__(self, group_id: str, left: Callable[[], None]) -> None:
        self.group_id = group_id
        self.by_id: dict[str, Member] = {}
        self.pending: dict[str, asyncio.TimerHandle] = {}
        self._left = left

    def __iter__(self) -> Iterator[Member]:
        return iter(list(self.by_id.values()))

    def __len__(self) -> int:
        return len(self.by_id)

    def check_protocols(self, request: JoinRequest, protocol_type: str) -> None:
        """Raise `ProtocolError` if a new member could not agree on a protocol with the others."""
        others = [m for m in self if not _is_same(m, request)]
        names = {name for name, _ in request.protocols}
        fits = bool(request.protocol_type and names)
        if others:
            fits = request.protocol_type == protocol_type and bool(names & shared(others))
        if not fits:
            raise ProtocolError(
                Code.INCONSISTENT_GROUP_PROTOCOL,
                f"group {self.group_id} shares no protocol with the new member",
            )

    def reserve(self, request: JoinRequest) -> str:
        """Return the id that a newcomer has to join with; nobody waits for it meanwhile."""
        member_id = fresh_member_id(request)
        self.pending[member_id] = asyncio.get_running_loop().call_later(
            request.session_timeout_ms / 1000, self.pending.pop, member_id, None
        )
        return member_id

    def admit(self, request: JoinRequest) -> Member:
        """Take in a newcomer, with the id that was reserved for it or with a fresh one."""
        member_id = request.member_id or fresh_member_id(request)
        self.cancel(member_id)
        member = self.by_id[member_id] = Member.of(request, member_id)
        return member

    def cancel(self, member_id: str) -> bool:
        """Drop a reserved id; false if it is none."""
        timer = self.pending.pop(member_id, None)
        stop(timer)
        return timer is not None

    def find(self, claim: Claim) -> Member:
        """Return who claims to be a member; raises `ProtocolError` for a stranger.

        Of two that show the same instance id, the one that came later is right.
        """
        member = self.by_id.get(claim.member_id)
        if claim.instance_id is not None:
            current = member
            if member is None or member.instance_id != claim.instance_id:
                member, current = None, self.static(claim.instance_id)
            if member is not current:
                raise ProtocolError(
                    Code.FENCED_INSTANCE_ID,
                    f"{claim.member_id!r} is no longer {claim.instance_id} of {self.group_id}",
                )
        if member is None:
            raise ProtocolError(
                Code.UNKNOWN_MEMBER_ID, f"{claim.member_id!r} is no member of {self.group_id}"
            )
        return member

    def wishes_the_same(self, former: Member, member: Member, protocol: str) -> bool:
        """Whether the plan would be the same with `member` in the place of `former`.

        Only topics are compared: metadata also say what a member owned before.
        """
        if vote([member, *(m for m in self if m is not former)]) != protocol:
            return False
        return topics_of(member.metadata(protocol)) == topics_of(former.metadata(protocol))

    def subscribes(self, topic: str, protocol: str) -> bool:
        """Whether a member reads a topic; true where they do not say what they read."""
        asked = [topics_of(m.metadata(protocol)) for m in self]
        return any(topics is None or topic in topics for topics in asked)

    def static(self, instance_id: str) -> Member | None:
        """Return the member that has an instance id now."""
        return next((m for m in self if m.instance_id == instance_id), None)

    def touch(self, member: Member, seconds: float | None = None) -> None:
        """Begin the member's session timeout anew, or the rest of it that is given."""
        stop(member.session)
        seconds = member.session_timeout_ms / 1000 if seconds is None else seconds
        member.session = asyncio.get_running_loop().call_later(seconds, self._session_over, member)

    def session_left(self, member: Member) -> float:
        """Return the seconds until the member is out unless it is heard of."""
        if member.session is None:
            return 0
        return max(member.session.when() - asyncio.get_running_loop().time(), 0)

    def _session_over(self, member: Member) -> None:
        if member.waits:
            return  # what it waits for begins its session anew
        _LOG.info("group %s: %s was silent for its session timeout", self.group_id, member.id)
        self.drop(member)
        self._left()

    def leave(self, member_id: str, instance_id: str | None) -> Code:
        """Take out who asks for it, or whom an operator names by the instance id alone."""
        if self.cancel(member_id):
            return Code.NONE
        if not member_id and instance_id is not None:
            static = self.static(instance_id)
            member_id, instance_id = (static.id if static else ""), None
        try:
            self.drop(self.find(Claim(member_id, -1, instance_id)))
        except ProtocolError as refused:
            return refused.code
        return Code.NONE

    def drop(
        self,
        member: Member,
        code: Code = Code.UNKNOWN_MEMBER_ID,
        why: str = "the member left the group",
    ) -> None:
        """Take a member out; what it waits for ends with the error."""
        self.by_id.pop(member.id, None)
        stop(member.session)
        refuse(member.joining, code, why)
        refuse(member.syncing, code, why)

    def close(self) -> None:
        """Stop all timers."""
        for member in self:
            stop(member.session)
        for timer in self.pending.values():
            stop(timer)


def _is_same(member: Member, request: JoinRequest) -> bool:
    """Whether the request comes from that member, or from the process in its place."""
    if request.member_id or request.instance_id is None:
        return member.id == request.member_id
    return member.instance_id == request.instance_id


def fresh_member_id(request: JoinRequest) -> str:
    """Return an id that begins with what an operator knows, as Kafka's do."""
    return f"{request.instance_id or request.client_id or 'member'}-{fresh_id()}"
