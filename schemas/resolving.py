"""How a record of one version is read by a program of another: Avro's resolution, and a step more.

In Avro only the reader's schema can name aliases, so that a program which is older than a field's
new name can't find it. The written schema says what its fields have been (`aliases`, `widened`),
and we heed it: then the old name is found, and what became a double is read rounded. Readers with
Avro alone take the default of the old name, and fail where it has none.
"""

from collections.abc import Mapping
from math import isfinite
from typing import Any, NamedTuple

_LONG = range(-(1 << 63), 1 << 63)


class Meeting(NamedTuple):
    """The reader's schema as Avro has to take it, and the fields that are to be rounded then."""

    schema: dict[str, Any]
    rounded: tuple[str, ...]


def meet(reader: Mapping[str, Any], written: Mapping[str, Any]) -> Meeting:
    """Return how a record of the schema `written` is read with the schema `reader`."""
    members, rounded = [], []
    for field in reader["fields"]:
        source = source_of(field, reader, written)
        member = {**field, "aliases": []}
        if source is not None and source["name"] != field["name"]:
            member["aliases"] = [source["name"]]
        if source is not None and _rounds(field, source):
            member["type"] = _double(field["type"])
            rounded.append(field["name"])
        members.append(member)
    return Meeting({**reader, "fields": members}, tuple(rounded))


def source_of(
    field: Mapping[str, Any], reader: Mapping[str, Any], written: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """Return the written field that a reader's field is read from; none: its default is taken."""
    by_name = {each["name"]: each for each in written["fields"]}
    for name in (field["name"], *field.get("aliases", ())):
        if name in by_name:
            return dict(by_name[name])
    ours = {each["name"] for each in reader["fields"]}
    for each in written["fields"]:
        if field["name"] in each.get("aliases", ()) and each["name"] not in ours:
            return dict(each)
    return None


def default_of(field: Mapping[str, Any]) -> Any:
    """Return a field's default as a value: JSON writes bytes as text."""
    kind, default = field["type"], field["default"]
    first = kind[0] if isinstance(kind, list) else kind
    return default.encode("latin-1") if first == "bytes" else default


def _rounds(field: Mapping[str, Any], source: Mapping[str, Any]) -> bool:
    members = _members(field["type"])
    return source.get("widened") == "long" and "long" in members and "double" not in members


def _double(kind: Any) -> Any:
    doubled = ["double" if each == "long" else each for each in _members(kind)]
    return doubled if isinstance(kind, list) else doubled[0]


def _members(kind: Any) -> list[Any]:
    return list(kind) if isinstance(kind, list) else [kind]


def whole(value: Any) -> Any:
    """Return a double as the nearest whole number; raise `ValueError` where 64 bits have none."""
    if not isinstance(value, float):
        return value
    if not isfinite(value) or round(value) not in _LONG:
        raise ValueError(f"{value} is no whole number of 64 bits, which this program reads it as")
    return round(value)
