"""What keeps records of one schema from being read with another, field by field.

Avro looks at names and types; units and logical types count, too, since numbers of another unit are
read without an error and mean something else.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from schemas.avro import Schema, full_name
from schemas.resolving import meet, source_of

_PROMOTIONS: Mapping[str, set[str]] = {
    "long": {"int"},
    "float": {"int", "long"},
    "double": {"int", "long", "float"},
    "string": {"bytes"},
    "bytes": {"string"},
}
"""From which other types Avro reads each."""

_IN_WORDS = {"long": "int", "double": "float", "string": "str", "boolean": "bool", "null": "None"}
"""Avro's types as a class has them."""


class Kind(StrEnum):
    """In which way a field is at fault."""

    MISSING = "missing"
    NARROWED = "narrowed"
    TYPE = "type"
    MEANING = "meaning"
    NAME = "name"
    DEFAULT = "default"
    VERSION = "version"


class Difference(NamedTuple):
    """What keeps a field from being read: its path, the kind, and why, in words."""

    field: str
    kind: Kind
    why: str


def differences(reader: Schema, written: Schema) -> Iterator[Difference]:
    """Yield what keeps records of the schema `written` from being read with the schema `reader`."""
    met = meet(reader, written).schema
    yield from _members(met, written, "", ({}, {}))


_Names = tuple[dict[str, Schema], dict[str, Schema]]
"""The named types of the reader and of the writer, as far as they are known."""


def _members(reader: Schema, written: Schema, path: str, names: _Names) -> Iterator[Difference]:
    taken: dict[str, str] = {}
    for field in reader["fields"]:
        name = f"{path}.{field['name']}" if path else field["name"]
        source = source_of(field, reader, written)
        if source is None:
            if "default" not in field:
                yield Difference(name, Kind.MISSING, "it is not there, and has no default")
            continue
        if source["name"] in taken:
            why = f"it and {taken[source['name']]} would both be read from {source['name']}"
            yield Difference(name, Kind.NAME, why)
        taken[source["name"]] = name
        if _meaning(field) != _meaning(source):
            why = f"{_told(source)} would be taken for {_told(field)}"
            yield Difference(name, Kind.MEANING, why)
        yield from _types(field["type"], source["type"], name, names)


def _types(reader: Schema, written: Schema, path: str, names: _Names) -> Iterator[Difference]:
    reader, written = _known(reader, names[0]), _known(written, names[1])
    if isinstance(written, list):
        for branch in written:
            yield from _types(reader, branch, path, names)
        return
    if isinstance(reader, list):
        if all(list(_types(branch, written, path, names)) for branch in reader):
            yield _mismatch(reader, written, path)
        return
    kind, other = _kind(reader), _kind(written)
    if kind != other:
        if other not in _PROMOTIONS.get(kind, ()):
            yield _mismatch(reader, written, path)
    elif kind == "record":
        yield from _members(reader, _without_past(written), path, names)
    elif kind in {"array", "map"}:
        inner = "items" if kind == "array" else "values"
        yield from _types(reader[inner], written[inner], f"{path}[]", names)
    elif kind == "enum":
        unknown = set(written["symbols"]) - set(reader["symbols"])
        if unknown and "default" not in reader:
            yield Difference(path, Kind.TYPE, f"{', '.join(sorted(unknown))} is unknown there")
    elif kind == "fixed" and reader["size"] != written["size"]:
        yield _mismatch(reader, written, path)


def _without_past(written: Schema) -> Schema:
    """Return a record inside an event as Avro alone reads it: only the event's own is heeded."""
    members = [{**field, "aliases": ()} for field in written["fields"]]
    return {**written, "fields": members}


def _known(schema: Schema, names: dict[str, Schema]) -> Schema:
    """Return a type itself where its name stands, and remember those that have one."""
    if isinstance(schema, dict) and "name" in schema:
        names[full_name(schema)] = names[schema["name"]] = schema
    if isinstance(schema, dict) and isinstance(schema["type"], dict):
        return _known(schema["type"], names)
    return names.get(schema, schema) if isinstance(schema, str) else schema


def _kind(schema: Schema) -> str:
    return str(schema["type"] if isinstance(schema, dict) else schema)


def _mismatch(reader: Schema, written: Schema, path: str) -> Difference:
    members = reader if isinstance(reader, list) else [reader]
    narrowed = written == "double" and "long" in members and not set("[.") & set(path)
    why = f"{said(written)} can't be read as {said(reader)}"
    return Difference(path, Kind.NARROWED if narrowed else Kind.TYPE, why)


def said(schema: Schema) -> str:
    """Return a type as a class declares it."""
    if isinstance(schema, list):
        return " | ".join(said(member) for member in schema)
    kind = _kind(schema)
    if kind == "array":
        return f"Sequence[{said(schema['items'])}]"
    if kind == "map":
        return f"Mapping[str, {said(schema['values'])}]"
    return _IN_WORDS.get(kind, kind) if kind != "record" else full_name(schema)


def _meaning(field: Mapping[str, Any]) -> tuple[Any, Any]:
    """What Avro's resolution does not look at: a field's unit and its logical type."""
    kind = field["type"]
    return field.get("unit"), kind.get("logicalType") if isinstance(kind, dict) else None


def _told(field: Mapping[str, Any]) -> str:
    unit, logical = _meaning(field)
    return " ".join(filter(None, (logical or "a number", f"in {unit}" if unit else "of no unit")))
