"""Answers to requests about topics, settings, producer ids and the cluster."""

import logging
from collections.abc import Mapping
from typing import Any

from infra.broker.codec_lookup import NODE_ID, Cluster
from infra.broker.errors import Code, ProtocolError
from infra.broker.offsets import CommittedOffsets
from infra.broker.producer_ids import ProducerIds
from infra.broker.topic_config import OPTIONS, TopicOption
from infra.broker.topics import Topic, TopicEntry, Topics

_LOG = logging.getLogger(__name__)
_TOPIC, _BROKER = 2, 4  # types of resources
_SET_FOR_TOPIC, _DEFAULT = 1, 5  # sources of a setting

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
        except ProtocolError as refused:
            result |= {
                "error_code": refused.code,
                "error_message": refused.message,
                "configs": [],
            }
        except OSError as error:
            result |= {
                "error_code": Code.KAFKA_STORAGE_ERROR,
                "error_message": f"the disk refuses topic {asked.name}: {error.strerror}",
                "configs": [],
            }
        results.append(result)
    return {"topics": results}


def _checked(topics: Topics, asked: Any, names: list[str]) -> TopicEntry:
    if names.count(asked.name) > 1:
        raise ProtocolError(Code.INVALID_REQUEST, f"topic {asked.name} is asked for twice")
    if asked.assignments:
        raise ProtocolError(
            Code.INVALID_REQUEST, "partitions can't be assigned: this is a single broker"
        )
    configs = {config.name: config.value for config in asked.configs}
    return topics.check(asked.name, asked.num_partitions, asked.replication_factor, configs)


def _created(entry: TopicEntry) -> Values:
    return {
        "error_code": Code.NONE,
        "error_message": None,
        "num_partitions": entry.partitions,
        "replication_factor": 1,
        "configs": [_describe(option, entry.configs) for option in OPTIONS.values()],
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
            await topics.delete(name)
            offsets.forget_topic(name)
        except ProtocolError as refused:
            result |= {"error_code": refused.code, "error_message": refused.message}
        results.append(result)
    return {"responses": results}


def describe_configs(topics: Topics, request: Any) -> Values:
    """Tell the settings of topics, with where each value comes from."""
    results = []
    for resource in request.resources:
        result: Values = {
            "error_code": Code.NONE,
            "error_message": None,
            "resource_type": resource.resource_type,
            "resource_name": resource.resource_name,
            "configs": [],
        }
        try:
            configs = _configs_of(topics, resource.resource_type, resource.resource_name)
            keys = resource.configuration_keys
            result["configs"] = [
                _describe(option, configs)
                for name, option in OPTIONS.items()
                if configs is not None and (keys is None or name in keys)
            ]
        except ProtocolError as refused:
            result |= {"error_code": refused.code, "error_message": refused.message}
        results.append(result)
    return {"results": results}


def _configs_of(topics: Topics, kind: int, name: str) -> Mapping[str, str] | None:
    """Return what is set for a resource; null for the broker, which has no settings of its own."""
    if kind == _BROKER:
        return None
    if kind != _TOPIC:
        raise ProtocolError(Code.INVALID_REQUEST, f"resources of type {kind} have no settings here")
    topic: Topic | None = topics.by_name.get(name)
    if topic is None:
        raise ProtocolError(Code.UNKNOWN_TOPIC_OR_PARTITION, f"there is no topic {name}")
    return topic.entry.configs


def _describe(option: TopicOption, configs: Mapping[str, str] | None) -> Values:
    configs = configs or {}
    synonyms = [{"name": option.name, "value": option.default, "source": _DEFAULT}]
    if option.name in configs:
        own = {"name": option.name, "value": configs[option.name], "source": _SET_FOR_TOPIC}
        synonyms.insert(0, own)
    return {
        "name": option.name,
        "value": configs.get(option.name, option.default),
        "read_only": False,
        "config_source": _SET_FOR_TOPIC if option.name in configs else _DEFAULT,
        "is_sensitive": False,
        "synonyms": synonyms,
        "config_type": option.kind,
        "documentation": None,
    }


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
