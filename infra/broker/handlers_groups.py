"""Answers to requests about consumer groups and their committed offsets."""

import logging
from typing import TYPE_CHECKING, Any

from infra.broker.errors import Code, ProtocolError
from infra.broker.groups import Groups
from infra.broker.members import Joined, JoinRequest
from infra.broker.offsets import Change, Committed

if TYPE_CHECKING:
    from infra.broker.server import Broker

_LOG = logging.getLogger(__name__)
Values = dict[str, object]
_ASKS_FOR_KNOWN_ID = 4  # from this version on a newcomer first gets its id


async def join(groups: Groups, request: Any) -> Values:
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
    )
    try:
        outcome = groups.join(asked)
        if isinstance(outcome, str):
            return _not_joined(Code.MEMBER_ID_REQUIRED, outcome)
        return _joined(await outcome)
    except ProtocolError as refused:
        return _not_joined(refused.code, request.member_id)


def _not_joined(code: Code, member_id: str) -> Values:
    return {
        "error_code": code,
        "generation_id": -1,
        "protocol_type": None,
        "protocol_name": "",
        "leader": "",
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
        "member_id": joined.member_id,
        "members": [
            {"member_id": member_id, "group_instance_id": None, "metadata": metadata}
            for member_id, metadata in joined.members
        ],
    }


async def sync(groups: Groups, request: Any) -> Values:
    """Hand over or receive the plan of a generation."""
    plan = {a.member_id: bytes(a.assignment) for a in request.assignments}
    values: Values = {"protocol_type": None, "protocol_name": None}
    try:
        group = groups.find(request.group_id)
        assignment = await group.sync(request.member_id, request.generation_id, plan)
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
        groups.find(request.group_id).heartbeat(request.member_id, request.generation_id)
    except ProtocolError as refused:
        return {"error_code": refused.code}
    return {"error_code": Code.NONE}


def leave(groups: Groups, request: Any) -> Values:
    """Take members out of a group."""
    asked = getattr(request, "members", None)
    leaving = [request.member_id] if asked is None else [m.member_id for m in asked]
    members = []
    for member_id in leaving:
        code = Code.NONE
        try:
            groups.find(request.group_id).leave(member_id)
        except ProtocolError as refused:
            code = refused.code
        members.append({"member_id": member_id, "group_instance_id": None, "error_code": code})
    error = members[0]["error_code"] if asked is None else Code.NONE
    return {"error_code": error, "members": members}


def offset_commit(broker: "Broker", request: Any) -> Values:
    """Commit offsets of a member, or of a consumer that assigns itself (generation −1)."""
    refused = _may_commit(broker.groups, request)
    changes: list[Change] = []
    codes: dict[tuple[str, int], Code] = {}
    for topic in request.topics:
        for p in topic.partitions:
            code = refused or _exists(broker, topic.name, p.partition_index)
            codes[topic.name, p.partition_index] = code
            if code is Code.NONE:
                epoch = getattr(p, "committed_leader_epoch", -1)
                committed = Committed(p.committed_offset, epoch, p.committed_metadata or "")
                changes.append(((request.group_id, topic.name, p.partition_index), committed))
    try:
        broker.offsets.commit(changes)
    except OSError as error:
        _LOG.error("offsets of group %s are not committed: %s", request.group_id, error)
        codes = dict.fromkeys(codes, Code.KAFKA_STORAGE_ERROR)
    return {
        "topics": [
            {
                "name": topic.name,
                "partitions": [
                    {"partition_index": i, "error_code": codes[topic.name, i]}
                    for i in (p.partition_index for p in topic.partitions)
                ],
            }
            for topic in request.topics
        ]
    }


def _may_commit(groups: Groups, request: Any) -> Code:
    generation = getattr(request, "generation_id_or_member_epoch", None)
    if generation is None:
        generation = request.generation_id
    try:
        group = groups.find(request.group_id)
        if generation >= 0 or group.members:
            group.touch(group.member(request.member_id, generation))
    except ProtocolError as refused:
        return refused.code
    return Code.NONE


def _exists(broker: "Broker", topic: str, partition: int) -> Code:
    try:
        broker.topics.partition(topic, partition)
    except ProtocolError as refused:
        return refused.code
    return Code.NONE


def offset_fetch(broker: "Broker", request: Any) -> Values:
    """Return committed offsets; −1 where there is none."""
    if request.topics is None:
        known = broker.offsets.of_group(request.group_id)
        wanted = [(topic, sorted(partitions)) for topic, partitions in known.items()]
    else:
        wanted = [(topic.name, list(topic.partition_indexes)) for topic in request.topics]
    topics = []
    for topic, indexes in wanted:
        partitions = []
        for index in indexes:
            found = broker.offsets.get(request.group_id, topic, index) or Committed(-1)
            partitions.append(
                {
                    "partition_index": index,
                    "committed_offset": found.offset,
                    "committed_leader_epoch": found.leader_epoch,
                    "metadata": found.metadata,
                    "error_code": Code.NONE,
                }
            )
        topics.append({"name": topic, "partitions": partitions})
    return {"error_code": Code.NONE, "topics": topics}
