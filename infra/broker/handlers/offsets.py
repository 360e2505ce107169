"""Answers to requests about the committed offsets of consumer groups."""

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from infra.broker.errors import Code, ProtocolError
from infra.broker.groups.members import Claim
from infra.broker.groups.offsets import Change, Committed, Key

if TYPE_CHECKING:
    from infra.broker.server import Broker

_LOG = logging.getLogger(__name__)
Values = dict[str, object]
MOST_METADATA = 4096  # characters: Kafka's offset.metadata.max.bytes


def offset_commit(broker: "Broker", request: Any) -> Values:
    """Commit offsets of a member, or of a consumer that assigns itself (generation −1)."""
    generation = getattr(request, "generation_id_or_member_epoch", None)
    if generation is None:
        generation = request.generation_id
    claim = Claim(request.member_id, generation, getattr(request, "group_instance_id", None))
    refused = _code(lambda: broker.groups.check_commit(request.group_id, claim))
    changes, codes = check_changes(broker, request, refused)
    try:
        broker.offsets.commit(changes)
    except OSError as error:
        _LOG.error("offsets of group %s are not committed: %s", request.group_id, error)
        codes = dict.fromkeys(codes, Code.KAFKA_STORAGE_ERROR)
    return {"topics": answers(request.topics, codes)}


def check_changes(
    broker: "Broker", request: Any, refused: Code
) -> tuple[list[Change], dict[tuple[str, int], Code]]:
    """Return what a request commits, and each partition's code; `refused` is the group's own."""
    changes: list[Change] = []
    codes: dict[tuple[str, int], Code] = {}
    for topic in request.topics:
        for p in topic.partitions:
            code = _exists(broker, topic.name, p.partition_index) or refused
            note = p.committed_metadata or ""
            if code is Code.NONE and len(note) > MOST_METADATA:
                code = Code.OFFSET_METADATA_TOO_LARGE
            codes[topic.name, p.partition_index] = code
            if code is Code.NONE:
                epoch = getattr(p, "committed_leader_epoch", -1)
                key = (request.group_id, topic.name, p.partition_index)
                changes.append((key, Committed(p.committed_offset, epoch, note)))
    return changes, codes


def _exists(broker: "Broker", topic: str, partition: int) -> Code:
    return _code(lambda: broker.topics.partition(topic, partition))


def _code(check: Callable[[], object]) -> Code:
    try:
        check()
    except ProtocolError as refused:
        return refused.code
    return Code.NONE


def answers(topics: Iterable[Any], codes: dict[tuple[str, int], Code]) -> list[Values]:
    """Return each partition's code, in the order of the request."""
    return [
        {
            "name": topic.name,
            "partitions": [
                {
                    "partition_index": p.partition_index,
                    "error_code": codes[topic.name, p.partition_index],
                }
                for p in topic.partitions
            ],
        }
        for topic in topics
    ]


def offset_fetch(broker: "Broker", request: Any) -> Values:
    """Return committed offsets, −1 where there is none; all of them if no topics are named."""
    if request.topics is None:
        known = broker.offsets.of_group(request.group_id)
        wanted = [(topic, sorted(partitions)) for topic, partitions in known.items()]
    else:
        wanted = [(topic.name, list(topic.partition_indexes)) for topic in request.topics]
    stable = getattr(request, "require_stable", False)
    topics = [
        {
            "name": topic,
            "partitions": [
                _committed(broker, (request.group_id, topic, index), stable=stable)
                for index in indexes
            ],
        }
        for topic, indexes in wanted
    ]
    return {"error_code": Code.NONE, "topics": topics}


def _committed(broker: "Broker", key: Key, *, stable: bool) -> Values:
    code = Code.NONE
    found = broker.offsets.get(*key)
    if stable and broker.offsets.pending[key]:
        code, found = Code.UNSTABLE_OFFSET_COMMIT, None
    found = found or Committed(-1)
    return {
        "partition_index": key[2],
        "committed_offset": found.offset,
        "committed_leader_epoch": found.leader_epoch,
        "metadata": found.metadata,
        "error_code": code,
    }


def offset_delete(broker: "Broker", request: Any) -> Values:
    """Delete single offsets, not those of topics that a live member subscribes to."""
    refused = _code(lambda: broker.groups.check_forgets(request.group_id))
    if refused:
        return {"error_code": refused, "topics": []}
    group = broker.groups.get(request.group_id)
    gone: list[Key] = []
    codes: dict[tuple[str, int], Code] = {}
    for topic in request.topics:
        subscribed = group is not None and group.roster.subscribes(topic.name, group.protocol)
        for p in topic.partitions:
            code = _exists(broker, topic.name, p.partition_index)
            if code is Code.NONE and subscribed:
                code = Code.GROUP_SUBSCRIBED_TO_TOPIC
            codes[topic.name, p.partition_index] = code
            if code is Code.NONE:
                gone.append((request.group_id, topic.name, p.partition_index))
    try:
        broker.offsets.forget(gone)
    except OSError as error:
        _LOG.error("offsets of group %s are not deleted: %s", request.group_id, error)
        return {"error_code": Code.KAFKA_STORAGE_ERROR, "topics": []}
    return {"error_code": Code.NONE, "topics": answers(request.topics, codes)}
