"""The members of consumer groups: what they say, what they are told, what they wait for."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from infra.broker.errors import Code, ProtocolError


class State(Enum):
    """Where a group is between two plans."""

    EMPTY = "Empty"
    JOINING = "PreparingRebalance"
    SYNCING = "CompletingRebalance"
    STABLE = "Stable"


class JoinRequest(NamedTuple):
    """What a member says when it joins; times in ms."""

    group: str
    member_id: str
    session_timeout_ms: int
    rebalance_timeout_ms: int
    protocol_type: str
    protocols: tuple[tuple[str, bytes], ...]
    needs_known_id: bool


class Joined(NamedTuple):
    """The generation a member belongs to; only its leader gets the members with their metadata."""

    generation: int
    protocol_type: str
    protocol: str
    leader: str
    member_id: str
    members: Sequence[tuple[str, bytes]]


@dataclass(eq=False, slots=True)
class Member:
    """A consumer in a group; the futures are set while it waits for the others."""

    id: str
    session_timeout_ms: int
    rebalance_timeout_ms: int
    protocols: tuple[tuple[str, bytes], ...]
    assignment: bytes = b""
    joining: asyncio.Future[Joined] | None = None
    syncing: asyncio.Future[bytes] | None = None
    session: asyncio.TimerHandle | None = None


def stop(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


def refuse(
    waiting: asyncio.Future[Joined] | asyncio.Future[bytes] | None, code: Code, message: str
) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_exception(ProtocolError(code, message))
