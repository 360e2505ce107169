"""Answers to requests that tell or change settings."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from infra.broker.errors import Code, ProtocolError, told
from infra.broker.protocol.codec_lookup import NODE_ID
from infra.broker.storage import alterations, broker_config
from infra.broker.storage.alterations import Alteration
from infra.broker.storage.topic_config import OPTIONS, TopicOption
from infra.broker.storage.topics import Topics

if TYPE_CHECKING:
    from infra.broker.server import Broker

_TOPIC, _BROKER = 2, 4  # types of resources
_SET_FOR_TOPIC, _DEFAULT = 1, 5  # sources of a setting

Values = dict[str, object]


def describe_configs(broker: "Broker", request: Any) -> Values:
    """Tell the settings of topics and of the broker, with where each value comes from."""
    results = []
    for resource in request.resources:
        result = _about(resource)
        try:
            keys = resource.configuration_keys
            found = _described(broker, resource.resource_type, resource.resource_name)
            result["configs"] = [row for row in found if keys is None or row["name"] in keys]
        except ProtocolError as refused:
            result |= {"error_code": refused.code, "error_message": refused.message, "configs": []}
        results.append(result)
    return {"results": results}


def _about(resource: Any) -> Values:
    return {
        "error_code": Code.NONE,
        "error_message": None,
        "resource_type": resource.resource_type,
        "resource_name": resource.resource_name,
    }


def _described(broker: "Broker", kind: int, name: str) -> list[Values]:
    if kind == _BROKER:
        if name not in {"", str(NODE_ID)}:
            raise ProtocolError(Code.INVALID_REQUEST, f"there is no broker {name}")
        interval_s = broker.options.cleaning_interval_s
        options = broker_config.options(broker.data_dir, broker.cluster, interval_s)
        # without a name the defaults of all brokers are asked for, of which there are none
        return [broker_config.describe(option) for option in options] if name else []
    if kind != _TOPIC:
        raise ProtocolError(Code.INVALID_REQUEST, f"resources of type {kind} have no settings here")
    configs = broker.topics.named(name).entry.configs
    return [describe(option, configs) for option in OPTIONS.values()]


def describe(option: TopicOption, configs: Mapping[str, str]) -> Values:
    """Return a topic's setting as DescribeConfigs tells it."""
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


async def incremental_alter_configs(topics: Topics, request: Any) -> Values:
    """Change settings of topics, each topic on its own; they count at once."""
    asked = [(resource.resource_type, resource.resource_name) for resource in request.resources]
    results = []
    for resource in request.resources:
        result = _about(resource)
        try:
            await _alter(topics, resource, asked, validate_only=request.validate_only)
        except (ProtocolError, OSError) as fault:
            result |= told(fault, "the settings")
        results.append(result)
    return {"responses": results}


async def _alter(
    topics: Topics, resource: Any, asked: list[tuple[int, str]], *, validate_only: bool
) -> None:
    if asked.count((resource.resource_type, resource.resource_name)) > 1:
        raise ProtocolError(Code.INVALID_REQUEST, f"{resource.resource_name} is changed twice")
    if resource.resource_type != _TOPIC:
        raise ProtocolError(
            Code.INVALID_REQUEST, "only settings of topics can be changed while the broker runs"
        )
    changes = [Alteration(c.name, c.config_operation, c.value) for c in resource.configs]
    if validate_only:
        alterations.altered(topics.named(resource.resource_name).entry.configs, changes)
    else:
        await topics.alter(resource.resource_name, changes)
