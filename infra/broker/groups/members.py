"""The members of consumer groups: what they say, what they are told, what they wait for."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from infra.broker.errors import Code, ProtocolError

Protocols = tuple[tuple[str, bytes], ...]  # names with the member's metadata, the preferred first


class State(Enum):
    """Where a group is between two plans; the values are Kafka's names."""

    EMPTY = "Empty"
    JOINING = "PreparingRebalance"
    SYNCING = "CompletingRebalance"
    STABLE = "Stable"


class Claim(NamedTuple):
    """Who a request says that its sender is; the instance id is that of a static member."""

    member_id: str
    generation: int
    instance_id: str | None = None


class JoinRequest(NamedTuple):
    """What a member says when it joins; times in ms."""

    group: str
    member_id: str
    session_timeout_ms: int
    rebalance_timeout_ms: int
    protocol_type: str
    protocols: Protocols
    needs_known_id: bool
    instance_id: str | None = None
    client_id: str = ""
    client_host: str = ""
    knows_skip: bool = False  # understands "you lead, but the plan stands"


class Joined(NamedTuple):
    """The generation a member belongs to; only its leader gets the members with their metadata."""

    generation: int
    protocol_type: str
    protocol: str
    leader: str
    member_id: str
    members: Sequence[tuple[str, str | None, bytes]]  # id, instance id, metadata
    skip_assignment: bool = False


@dataclass(eq=False, slots=True)
class Member:
    """A consumer in a group; the futures are set while it waits for the others."""

    id: str
    instance_id: str | None
    client_id: str
    client_host: str
    session_timeout_ms: int
    rebalance_timeout_ms: int
    protocols: Protocols
    assignment: bytes = b""
    synced: bool = False  # has asked for its part of the present generation's plan
    joining: asyncio.Future[Joined] | None = None
    syncing: asyncio.Future[bytes] | None = None
    session: asyncio.TimerHandle | None = None

    @classmethod
    def of(cls, request: JoinRequest, member_id: str) -> "Member":
        """Return the member that a request describes."""
        return cls(
            member_id,
            request.instance_id,
            request.client_id,
            request.client_host,
            request.session_timeout_ms,
            request.rebalance_timeout_ms,
            request.protocols,
        )

    def update(self, request: JoinRequest) -> None:
        """Take over what it says when it joins again."""
        self.protocols = request.protocols
        self.session_timeout_ms = request.session_timeout_ms
        self.rebalance_timeout_ms = request.rebalance_timeout_ms

    @property
    def waits(self) -> bool:
        """Whether it is owed an answer, and still there to take it."""
        return any(w is not None and not w.done() for w in (self.joining, self.syncing))

    def metadata(self, protocol: str) -> bytes:
        """Return what it said about itself for a protocol."""
        return dict(self.protocols).get(protocol, b"")


def shared(members: Collection[Member]) -> set[str]:
    """Return the protocols that all members know."""
    known = [{name for name, _ in member.protocols} for member in members]
    return set.intersection(*known) if known else set()


def vote(members: Collection[Member]) -> str:
    """Choose, of the protocols that all know, the one that most members prefer."""
    common = shared(members)
    votes = [next(name for name, _ in m.protocols if name in common) for m in members]
    return max(dict.fromkeys(votes), key=votes.count)


def stop(timer: asyncio.TimerHandle | None) -> None:
    """Stop a timer, if there is one."""
    if timer is not None:
        timer.cancel()


def refuse(waiting: asyncio.Future[Any] | None, code: Code, message: str) -> None:
    """End a wait with an error, if somebody waits."""
    if waiting is not None and not waiting.done():
        waiting.set_exception(ProtocolError(code, message))
