"""Answers to requests about topics, producer ids and the cluster."""

import logging
from typing import Any

from infra.broker.errors import Code, ProtocolError, told
from infra.broker.groups.offsets import CommittedOffsets
from infra.broker.handlers.configs import describe
from infra.broker.protocol.codec_lookup import NODE_ID, Cluster
from infra.broker.storage.producer_ids import ProducerIds
from infra.broker.storage.topic_config import OPTIONS
from infra.broker.storage.topics import TopicEntry, Topics

_LOG = logging.getLogger(__name__)
_NO_ASSIGNMENTS = "partitions can't be assigned: this is a single broker"

Values = dict[str, object]


async def create_topics(topics: Topics, request: Any) -> Values:
    """Create topics, each on its own: one that is refused does not hinder the others."""
    names = [topic.name for topic in request.topics]
    results = []
    for asked in request.topics:
        result: Values = {"name": asked.name, "topic_id": None}
        try:
            entry = _checked(topics, asked, names)
            if not request.validate_only:
                result["topic_id"] = (await topics.create(entry)).id
            result |= _created(entry)
        except (ProtocolError, OSError) as fault:
            result |= told(fault, f"topic {asked.name}") | {"configs": []}
        results.append(result)
    return {"topics": results}


def _checked(topics: Topics, asked: Any, names: list[str]) -> TopicEntry:
    if names.count(asked.name) > 1:
        raise ProtocolError(Code.INVALID_REQUEST, f"topic {asked.name} is asked for twice")
    if asked.assignments:
        raise ProtocolError(Code.INVALID_REQUEST, _NO_ASSIGNMENTS)
    configs = {config.name: config.value for config in asked.configs}
    return topics.check(asked.name, asked.num_partitions, asked.replication_factor, configs)


def _created(entry: TopicEntry) -> Values:
    return {
        "error_code": Code.NONE,
        "error_message": None,
        "num_partitions": entry.partitions,
        "replication_factor": 1,
        "configs": [describe(option, entry.configs) for option in OPTIONS.values()],
    }


async def delete_topics(topics: Topics, offsets: CommittedOffsets, request: Any) -> Values:
    """Delete topics by name, or by id where the name is null."""
    by_id = {topic.id: topic.entry.name for topic in topics.by_name.values()}
    asked = getattr(request, "topic_names", None)
    if asked is None:
        asked = [topic.name or by_id.get(topic.topic_id) for topic in request.topics]
    results = []
    for name in asked:
        result: Values = {"name": name, "topic_id": None, "error_code": Code.NONE}
        if name is None:
            results.append(result | {"error_code": Code.UNKNOWN_TOPIC_ID})
            continue
        try:
            topics.named(name)
            offsets.forget_topic(name)  # first: after a crash a new topic of its name has none
            await topics.delete(name)
        except (ProtocolError, OSError) as fault:
            result |= told(fault, f"to delete {name}")
        results.append(result)
    return {"responses": results}


async def create_partitions(topics: Topics, request: Any) -> Values:
    """Let topics grow, each on its own; none shrinks."""
    names = [topic.name for topic in request.topics]
    results = []
    for asked in request.topics:
        result: Values = {"name": asked.name, "error_code": Code.NONE, "error_message": None}
        try:
            await _grow(topics, asked, names, validate_only=request.validate_only)
        except (ProtocolError, OSError) as fault:
            result |= told(fault, f"partitions of {asked.name}")
        results.append(result)
    return {"results": results}


async def _grow(topics: Topics, asked: Any, names: list[str], *, validate_only: bool) -> None:
    if names.count(asked.name) > 1:
        raise ProtocolError(Code.INVALID_REQUEST, f"{asked.name} is asked for twice")
    if asked.assignments:
        raise ProtocolError(Code.INVALID_REPLICA_ASSIGNMENT, _NO_ASSIGNMENTS)
    if validate_only:
        topics.check_growth(asked.name, asked.count)
    else:
        await topics.grow(asked.name, asked.count)


def init_producer_id(ids: ProducerIds, request: Any) -> Values:
    """Hand out the id of an idempotent producer, or raise the epoch of one that lost its place."""
    known = getattr(request, "producer_id", -1)
    epoch = getattr(request, "producer_epoch", -1)
    if known >= 0 and 0 <= epoch < 2**15 - 2:
        return {"error_code": Code.NONE, "producer_id": known, "producer_epoch": epoch + 1}
    try:
        return {"error_code": Code.NONE, "producer_id": ids.fresh(), "producer_epoch": 0}
    except OSError as error:
        _LOG.error("no producer id can be handed out: %s", error)
        return {"error_code": Code.KAFKA_STORAGE_ERROR, "producer_id": -1, "producer_epoch": -1}


def describe_cluster(cluster: Cluster) -> Values:
    """Tell of the one node."""
    node = {"broker_id": NODE_ID, "host": cluster.host, "port": cluster.port, "rack": None}
    return {
        "error_code": Code.NONE,
        "error_message": None,
        "cluster_id": cluster.id,
        "controller_id": NODE_ID,
        "brokers": [node],
    }


def find_coordinator(cluster: Cluster, request: Any) -> Values:
    """Name this node, for groups (key type 0) and transactions (1)."""
    if getattr(request, "key_type", 0) not in {0, 1}:
        return {
            "error_code": Code.INVALID_REQUEST,
            "error_message": "coordinators there are for groups (0) and transactions (1)",
            "node_id": -1,
            "host": "",
            "port": -1,
        }
    return {
        "error_code": Code.NONE,
        "error_message": None,
        "node_id": NODE_ID,
        "host": cluster.host,
        "port": cluster.port,
    }
