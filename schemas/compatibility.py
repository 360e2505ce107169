"""Whether every version of an event can read every other, and if not, which field is at fault.

`schemas.resolving` says how a version is read with another; here that is judged, field by field,
and a person is told what to do. Avro looks at names and types; units and logical types count, too,
since numbers of another unit are read without an error and mean something else.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import permutations
from typing import Any, NamedTuple

from schemas.avro import Schema, fingerprint_of, full_name, schema_of
from schemas.fitting import DoesNotFit, fit
from schemas.language import Language
from schemas.resolving import default_of, meet, source_of

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


class Fault(NamedTuple):
    """Why one version can't read another: the field (empty: the whole), the reason, the mend."""

    reader: int
    writer: int
    field: str
    kind: Kind
    why: str
    mend: str

    def __str__(self) -> str:
        between = f"version {self.reader} can't read version {self.writer}"
        if self.reader == self.writer:
            between = f"version {self.reader}"
        where = f"field {self.field}: " if self.field else ""
        return f"{between}: {where}{self.why}; {self.mend}"


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


# The versions of an event


def faults(language: Language, event: str) -> Iterator[Fault]:
    """Yield why a version of an event can't read another, its class of today among them.

    A class that is not published yet is the next version.
    """
    versions = {each.version: each.schema for each in language.versions.get(event, ())}
    cls = language.classes.get(event)
    newest = max(versions, default=0)
    if cls is not None and versions.get(newest) != schema_of(cls):
        newest += 1
        versions[newest] = schema_of(cls)
    steps = {each.version for each in language.upcasters if each.event == event}
    yield from _upcaster_faults(versions, steps)
    for number, schema in versions.items():
        yield from _own_faults(number, schema)
    for reader, writer in permutations(versions, 2):
        if writer < reader and writer in steps:
            continue  # read as the version that its upcaster leads to
        yield from between(reader, versions[reader], writer, versions[writer])


def between(reader: int, ours: Schema, writer: int, theirs: Schema) -> Iterator[Fault]:
    """Yield why one version can't read another."""
    first = ours["fields"][0]
    source = source_of(first, ours, theirs)
    if source is None or source["name"] != theirs["fields"][0]["name"]:
        why = "it is the event's time, read from the first bytes alone, and is not first there"
        yield Fault(reader, writer, first["name"], Kind.NAME, why, "leave the event's time first")
    for found in differences(ours, theirs):
        yield Fault(reader, writer, *found, _mend(found, reader, writer))


def _mend(found: Difference, reader: int, writer: int) -> str:
    newer = reader > writer
    match found.kind:
        case Kind.MISSING if newer:
            return f'give it a default, or `Was("…")` if it had another name in version {writer}'
        case Kind.MISSING:
            return (
                f"only a field with a default may go: keep it in the class, or mark the field that "
                f'replaces it `Was("{found.field}")`'
            )
        case Kind.NARROWED if not newer:
            return "mark it `Widened(int)`, and older programs read it rounded"
        case Kind.TYPE | Kind.NARROWED | Kind.MEANING:
            return "keep it as it was, and add a field of another name, with a default"
        case _:
            return "a name that was used is not used for anything else: take another one"


def _own_faults(number: int, schema: Schema) -> Iterator[Fault]:
    """Yield what is wrong in a version by itself."""
    names = {field["name"] for field in schema["fields"]}
    for field in schema["fields"]:
        for former in names & set(field.get("aliases", ())):
            why = f"{former} is its former name and another field, too"
            mend = "a name that was used is not used for anything else: take another one"
            yield Fault(number, number, field["name"], Kind.NAME, why, mend)
        if "default" in field:
            kind = field["type"]
            first = kind[0] if isinstance(kind, list) else kind
            try:
                fit(first, default_of(field))
            except DoesNotFit as fault:
                why = f"its default {field['default']!r} is not {fault.expected}"
                yield Fault(number, number, field["name"], Kind.DEFAULT, why, "mend it")


def _upcaster_faults(versions: Mapping[int, Schema], steps: set[int]) -> Iterator[Fault]:
    for number in sorted(steps):
        if number not in versions or number + 1 not in versions:
            why = f"there is an upcaster of it, but not both of versions {number} and {number + 1}"
            mend = f"published are {_list(sorted(versions))}"
            yield Fault(number, number, "", Kind.VERSION, why, mend)
        elif fingerprint_of(versions[number]) == fingerprint_of(versions[number + 1]):
            why = f"it differs from version {number + 1} in units, defaults or words only, so that "
            why += "records of both name one schema id and its upcaster can't tell them apart"
            mend = "take another name for the field whose meaning changed"
            yield Fault(number, number, "", Kind.VERSION, why, mend)


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers)) or "none"
