"""Answers to the members of consumer groups: join, sync, heartbeat, leave."""

import logging
from typing import TYPE_CHECKING, Any

from infra.broker.errors import Code, ProtocolError
from infra.broker.groups.members import Claim, Joined, JoinRequest
from infra.broker.groups.registry import Groups

if TYPE_CHECKING:
    from infra.broker.protocol.frames import Connection

_LOG = logging.getLogger(__name__)
Values = dict[str, object]
_ASKS_FOR_KNOWN_ID = 4  # from this version on a newcomer first gets its id
_TELLS_TO_SKIP = 9  # from this version on a leader can be told that the plan stands


async def join(groups: Groups, connection: "Connection", request: Any) -> Values:
    """Join a group; the answer waits for the generation."""
    session_ms = round(request.session_timeout.total_seconds() * 1000)
    rebalance = getattr(request, "rebalance_timeout", None)
    asked = JoinRequest(
        group=request.group_id,
        member_id=request.member_id,
        session_timeout_ms=session_ms,
        rebalance_timeout_ms=round(rebalance.total_seconds() * 1000) if rebalance else session_ms,
        protocol_type=request.protocol_type,
        protocols=tuple((p.name, bytes(p.metadata)) for p in request.protocols),
        needs_known_id=request.__version__ >= _ASKS_FOR_KNOWN_ID,
        instance_id=getattr(request, "group_instance_id", None),
        client_id=connection.client_id,
        client_host=connection.host,
        knows_skip=request.__version__ >= _TELLS_TO_SKIP,
    )
    try:
        outcome = groups.join(asked)
        if isinstance(outcome, str):
            return _not_joined(Code.MEMBER_ID_REQUIRED, outcome)
        return _joined(await outcome)
    except ProtocolError as refused:
        _LOG.info("a member may not join: %s", refused.message)
        return _not_joined(refused.code, request.member_id)


def _not_joined(code: Code, member_id: str) -> Values:
    return {
        "error_code": code,
        "generation_id": -1,
        "protocol_type": None,
        "protocol_name": "",
        "leader": "",
        "skip_assignment": False,
        "member_id": member_id,
        "members": [],
    }


def _joined(joined: Joined) -> Values:
    return {
        "error_code": Code.NONE,
        "generation_id": joined.generation,
        "protocol_type": joined.protocol_type,
        "protocol_name": joined.protocol,
        "leader": joined.leader,
        "skip_assignment": joined.skip_assignment,
        "member_id": joined.member_id,
        "members": [
            {"member_id": member_id, "group_instance_id": instance_id, "metadata": metadata}
            for member_id, instance_id, metadata in joined.members
        ],
    }


def claim_of(request: Any) -> Claim:
    """Return who a request says that its sender is."""
    return Claim(
        request.member_id, request.generation_id, getattr(request, "group_instance_id", None)
    )


async def sync(groups: Groups, request: Any) -> Values:
    """Hand over or receive the plan of a generation."""
    plan = {a.member_id: bytes(a.assignment) for a in request.assignments}
    agreed = (getattr(request, "protocol_type", None), getattr(request, "protocol_name", None))
    values: Values = {"protocol_type": None, "protocol_name": None}
    try:
        group = groups.of_member(request.group_id)
        assignment = await group.sync(claim_of(request), plan, agreed)
    except ProtocolError as refused:
        return values | {"error_code": refused.code, "assignment": b""}
    return {
        "error_code": Code.NONE,
        "protocol_type": group.protocol_type,
        "protocol_name": group.protocol,
        "assignment": assignment,
    }


def heartbeat(groups: Groups, request: Any) -> Values:
    """Keep a member alive."""
    try:
        groups.of_member(request.group_id).heartbeat(claim_of(request))
    except ProtocolError as refused:
        return {"error_code": refused.code}
    return {"error_code": Code.NONE}


def leave(groups: Groups, request: Any) -> Values:
    """Take members out of a group."""
    alone = hasattr(request, "member_id")
    leaving: list[tuple[str, str | None]] = (
        [(request.member_id, None)]
        if alone
        else [(m.member_id, m.group_instance_id) for m in request.members or ()]
    )
    try:
        codes = groups.of_member(request.group_id).leave(leaving)
    except ProtocolError as refused:
        if refused.code is Code.INVALID_GROUP_ID:
            return {"error_code": refused.code, "members": []}
        codes = [refused.code] * len(leaving)
    members = [
        {"member_id": member_id, "group_instance_id": instance_id, "error_code": code}
        for (member_id, instance_id), code in zip(leaving, codes, strict=True)
    ]
    return {"error_code": codes[0] if alone else Code.NONE, "members": members}
