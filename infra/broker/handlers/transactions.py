"""Answers to requests about transactions."""

import logging
from typing import TYPE_CHECKING, Any

from infra.broker.errors import Code, ProtocolError
from infra.broker.groups.members import Claim
from infra.broker.groups.offsets import Change
from infra.broker.handlers.admin import init_producer_id as init_plain
from infra.broker.handlers.offsets import answers, check_changes
from infra.broker.transactions.transaction import PartitionId

if TYPE_CHECKING:
    from infra.broker.server import Broker

_LOG = logging.getLogger(__name__)
Values = dict[str, object]
# From these versions on a fenced producer is told so by an error of its own.
_INIT_TELLS_FENCED = 4
_OTHERS_TELL_FENCED = 2


def _code(refused: ProtocolError, *, tells_fenced: bool) -> Code:
    if refused.code is Code.PRODUCER_FENCED and not tells_fenced:
        return Code.INVALID_PRODUCER_EPOCH
    return refused.code


async def init_producer_id(broker: "Broker", request: Any) -> Values:
    """Hand out the id and epoch of a producer; a transactional id gets the same id again."""
    if request.transactional_id is None:
        return init_plain(broker.producer_ids, request)
    given = getattr(request, "producer_id", -1), getattr(request, "producer_epoch", -1)
    timeout_ms = round(request.transaction_timeout.total_seconds() * 1000)
    none: Values = {"producer_id": -1, "producer_epoch": -1}
    if not request.transactional_id or (given[0] < 0) != (given[1] < 0):
        return none | {"error_code": Code.INVALID_REQUEST}
    try:
        begun = await broker.coordinator.initialise(
            request.transactional_id, timeout_ms, None if given[0] < 0 else given
        )
    except ProtocolError as refused:
        tells = request.__version__ >= _INIT_TELLS_FENCED
        return none | {"error_code": _code(refused, tells_fenced=tells)}
    except OSError as error:
        _LOG.error("no producer id can be handed out: %s", error)
        return none | {"error_code": Code.COORDINATOR_NOT_AVAILABLE}
    return {
        "error_code": Code.NONE,
        "producer_id": begun.producer_id,
        "producer_epoch": begun.epoch,
    }


def add_partitions(broker: "Broker", request: Any) -> Values:
    """Add partitions to a transaction: all, or none if one of them does not exist."""
    topics = request.v3_and_below_topics
    asked = [(topic.name, index) for topic in topics for index in topic.partitions]
    unknown = {place for place in asked if not _exists(broker, place)}
    if unknown:
        codes = dict.fromkeys(asked, Code.OPERATION_NOT_ATTEMPTED)
        codes |= dict.fromkeys(unknown, Code.UNKNOWN_TOPIC_OR_PARTITION)
    else:
        codes = dict.fromkeys(asked, _add_partitions(broker, request, asked))
    return {
        "results_by_topic_v3_and_below": [
            {
                "name": topic.name,
                "results_by_partition": [
                    {"partition_index": i, "partition_error_code": codes[topic.name, i]}
                    for i in topic.partitions
                ],
            }
            for topic in topics
        ]
    }


def _add_partitions(broker: "Broker", request: Any, asked: list[PartitionId]) -> Code:
    transactional_id = request.v3_and_below_transactional_id
    if not transactional_id:
        return Code.INVALID_REQUEST
    try:
        broker.coordinator.add_partitions(
            transactional_id,
            request.v3_and_below_producer_id,
            request.v3_and_below_producer_epoch,
            asked,
        )
    except ProtocolError as refused:
        return _code(refused, tells_fenced=request.__version__ >= _OTHERS_TELL_FENCED)
    return Code.NONE


def _exists(broker: "Broker", place: PartitionId) -> bool:
    try:
        broker.topics.partition(*place)
    except ProtocolError:
        return False
    return True


def add_offsets(broker: "Broker", request: Any) -> Values:
    """Add a group to a transaction, so that it may commit the group's offsets."""
    if not request.transactional_id:
        return {"error_code": Code.INVALID_REQUEST}
    try:
        broker.coordinator.add_group(
            request.transactional_id,
            request.producer_id,
            request.producer_epoch,
            request.group_id,
        )
    except ProtocolError as refused:
        tells = request.__version__ >= _OTHERS_TELL_FENCED
        return {"error_code": _code(refused, tells_fenced=tells)}
    return {"error_code": Code.NONE}


async def end(broker: "Broker", request: Any) -> Values:
    """Commit or abort a transaction; the answer waits until the outcome is everywhere."""
    if not request.transactional_id:
        return {"error_code": Code.INVALID_REQUEST}
    try:
        await broker.coordinator.end(
            request.transactional_id,
            request.producer_id,
            request.producer_epoch,
            commit=request.committed,
        )
    except ProtocolError as refused:
        tells = request.__version__ >= _OTHERS_TELL_FENCED
        return {"error_code": _code(refused, tells_fenced=tells)}
    return {"error_code": Code.NONE}


def commit_offsets(broker: "Broker", request: Any) -> Values:
    """Keep offsets that a transaction commits when it is committed itself."""
    claim = Claim(
        getattr(request, "member_id", ""),
        getattr(request, "generation_id", -1),
        getattr(request, "group_instance_id", None),
    )
    refused = Code.NONE
    try:
        broker.groups.check_commit(request.group_id, claim, transactional=True)
    except ProtocolError as error:
        refused = error.code
    changes, codes = check_changes(broker, request, refused)
    if changes:
        outcome = _add_offsets(broker, request, changes)
        codes |= dict.fromkeys((key[1:] for key, _ in changes), outcome)
    return {"topics": answers(request.topics, codes)}


def _add_offsets(broker: "Broker", request: Any, changes: list[Change]) -> Code:
    try:
        broker.coordinator.add_offsets(
            request.transactional_id,
            request.producer_id,
            request.producer_epoch,
            request.group_id,
            changes,
        )
    except ProtocolError as refused:
        return _code(refused, tells_fenced=False)
    return Code.NONE
