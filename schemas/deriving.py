"""From an event class to its Avro schema."""

import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from math import isfinite
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin, get_type_hints

from schemas.declare import AVRO_NAMESPACE, Doc, Logical, Unit, Was, Widened

Schema: TypeAlias = Any
"""An Avro schema as JSON gives it: a dict, a list (union) or the name of a type."""

PRIMITIVES: Mapping[Any, str] = {
    type(None): "null",
    bool: "boolean",
    int: "long",
    float: "double",
    str: "string",
    bytes: "bytes",
}
"""The Avro type of each Python type that has one by itself."""


@cache
def schema_of(cls: type) -> Schema:
    """Return the Avro schema of an event class, with units and documentation."""
    hints = get_type_hints(cls, include_extras=True)
    whole = {
        "type": "record",
        "name": cls.__name__,
        "namespace": AVRO_NAMESPACE,
        "doc": (cls.__doc__ or "").strip().split("\n")[0],
        "fields": [_field(field, hints[field.name]) for field in fields(cls)],
    }
    return _defined_once(whole, set())


def _defined_once(schema: Schema, defined: set[str]) -> Schema:
    """Return a schema in which a record that comes again is named only, as Avro wants it."""
    if isinstance(schema, list):
        return [_defined_once(member, defined) for member in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "record":
        name = f"{schema['namespace']}.{schema['name']}"
        if name in defined:
            return name
        defined.add(name)
    inner = ("type", "items", "values", "fields")
    return {k: _defined_once(v, defined) if k in inner else v for k, v in schema.items()}


def _field(declared: Field[Any], hint: Any) -> dict[str, Any]:
    field: dict[str, Any] = {"name": declared.name, "type": _type(hint)}
    for mark in getattr(hint, "__metadata__", ()):
        if isinstance(mark, Doc):
            field["doc"] = mark.text
        elif isinstance(mark, Unit):
            field["unit"] = mark.name
        elif isinstance(mark, Was):
            field.setdefault("aliases", []).append(mark.name)
        elif isinstance(mark, Widened):
            field["widened"] = PRIMITIVES[mark.before]
    if declared.default is not MISSING:
        _give_default(field, declared.default)
    elif declared.default_factory is not MISSING:
        _give_default(field, declared.default_factory())
    elif isinstance(field["type"], list) and field["type"][0] == "null":
        field["default"] = None
    return field


def _give_default(field: dict[str, Any], value: Any) -> None:
    """Write a default as JSON can; of a union it has to be of the first member."""
    kind = field["type"]
    if isinstance(kind, list):
        wanted = PRIMITIVES.get(type(value), "array" if isinstance(value, tuple) else "map")
        first = [each for each in kind if _kind(each) == wanted]
        field["type"] = kind = [*first, *(each for each in kind if each not in first)]
        kind = kind[0]
    if isinstance(value, float) and not isfinite(value):
        raise TypeError(f"{field['name']}: {value} can't be a default, JSON has no such number")
    if _kind(kind) == "double":
        value = float(value)
    elif isinstance(value, bytes):
        value = value.decode("latin-1")
    elif isinstance(value, Sequence) and not isinstance(value, str):
        value = list(value)
    elif isinstance(value, Mapping):
        value = dict(value)
    field["default"] = value


def _kind(schema: Schema) -> Any:
    return schema["type"] if isinstance(schema, dict) else schema


def _type(hint: Any) -> Schema:
    if hint in PRIMITIVES:
        return PRIMITIVES[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        logical = [mark.name for mark in hint.__metadata__ if isinstance(mark, Logical)]
        plain = _type(arguments[0])
        return {"type": plain, "logicalType": logical[0]} if logical else plain
    if origin in (Union, types.UnionType):
        return _union(arguments)
    if origin is tuple or (isinstance(origin, type) and issubclass(origin, Sequence)):
        return {"type": "array", "items": _type(arguments[0])}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "map", "values": _type(arguments[1])}
    if is_dataclass(hint) and isinstance(hint, type):
        return schema_of(hint)
    raise TypeError(f"{hint!r} has no counterpart in Avro")


def _union(members: Sequence[Any]) -> Schema:
    """`null` first, so that it can be the default; the other members in the order written."""
    ordered = sorted(members, key=lambda member: member is not type(None))
    return [_type(member) for member in ordered]
