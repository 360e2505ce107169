"""Changes of a topic's settings, as IncrementalAlterConfigs asks for them."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from infra.broker.errors import Code, ProtocolError
from infra.broker.storage import topic_config
from infra.broker.storage.topic_config import LIST, OPTIONS

_SET, _DELETE, _APPEND, _SUBTRACT = range(4)


class Alteration(NamedTuple):
    """One change: 0 sets, 1 returns to the default, 2 and 3 add to and take from a list."""

    name: str
    operation: int
    value: str | None


def altered(configs: Mapping[str, str], changes: Iterable[Alteration]) -> dict[str, str]:
    """Return the settings after all changes; raises `ProtocolError`, then none of them is made."""
    found = dict(configs)
    seen: set[str] = set()
    for change in changes:
        if change.name in seen:
            raise ProtocolError(Code.INVALID_REQUEST, f"{change.name} is changed twice")
        seen.add(change.name)
        if change.operation == _DELETE:
            if change.name not in OPTIONS:
                raise ProtocolError(Code.INVALID_CONFIG, f"unknown topic setting {change.name}")
            found.pop(change.name, None)
        else:
            found[change.name] = _value(found, change)
    return topic_config.validate(found)


def _value(configs: Mapping[str, str], change: Alteration) -> str:
    if change.value is None:
        raise ProtocolError(Code.INVALID_REQUEST, f"{change.name} is set to nothing")
    if change.operation == _SET:
        return change.value
    option = OPTIONS.get(change.name)
    if option is None or option.kind != LIST:
        raise ProtocolError(Code.INVALID_CONFIG, f"{change.name} is no list to add to or take from")
    items = [item.strip() for item in configs.get(change.name, option.default).split(",") if item]
    others = [item.strip() for item in change.value.split(",")]
    if change.operation == _APPEND:
        items += [item for item in others if item not in items]
    elif change.operation == _SUBTRACT:
        items = [item for item in items if item not in others]
    else:
        raise ProtocolError(Code.INVALID_REQUEST, f"unknown kind of change {change.operation}")
    return ",".join(items)
