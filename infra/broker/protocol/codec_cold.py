"""Everything that is not asked thousands of times a second, as kio's classes.

They follow Kafka's own message definitions, one for each version. A handler answers with
plain values of the newest version; fields that an older version lacks are left out here.
"""

import io
from collections.abc import Callable, Mapping
from dataclasses import Field, fields, is_dataclass
from datetime import timedelta
from functools import cache, partial
from types import NoneType
from typing import Any, get_args, get_origin
from uuid import UUID

from kio.index import load_request_schema, load_response_schema
from kio.schema.errors import ErrorCode
from kio.serial import entity_writer
from kio.static.primitive import i32Timedelta

from infra.broker.errors import MalformedFrame
from infra.broker.protocol.wire import Reader

_NO_THROTTLE = i32Timedelta.parse(timedelta(0))


def decode(api_key: int, version: int, body: memoryview) -> Any:
    """Decode a request into kio's frozen dataclass of that version.

    Not with kio's reader: that one takes memory for all entries that an array announces, and where
    there is none it ends the process.
    """
    entity_type: Any = load_request_schema(api_key, version)
    try:
        return _read(Reader(body, flexible=entity_type.__flexible__), entity_type)
    except (MalformedFrame, ValueError, OverflowError) as error:
        raise MalformedFrame(f"{error} in a request with API key {api_key}") from error


def _read(reader: Reader, entity_type: Any) -> Any:
    values = {}
    for name, read, is_array, nullable in _readers(entity_type):
        value = _read_array(reader, read) if is_array else read(reader)
        if value is None and not nullable:
            raise MalformedFrame(f"{entity_type.__name__} without its {name}")
        values[name] = value
    reader.skip_tags()
    return entity_type(**values)


def _read_array(reader: Reader, read: Callable[[Reader], object]) -> tuple[object, ...] | None:
    length = reader.count()
    if length < 0:
        return None
    items = tuple(read(reader) for _ in range(length))
    if None in items:
        raise MalformedFrame("null where an entry of an array must be")
    return items


def _bytes(reader: Reader) -> bytes | None:
    view = reader.nullable_bytes()
    return None if view is None else bytes(view)


def _uuid(reader: Reader) -> UUID | None:
    found = reader.uuid()
    return found if found.int else None


_SCALARS: dict[str, Callable[[Reader], object]] = {
    "int8": Reader.i8,
    "int16": Reader.i16,
    "int32": Reader.i32,
    "int64": Reader.i64,
    "bool": lambda reader: reader.i8() != 0,
    "string": Reader.nullable_string,
    "bytes": _bytes,
    "uuid": _uuid,
    "timedelta_i32": lambda reader: timedelta(milliseconds=reader.i32()),
    "timedelta_i64": lambda reader: timedelta(milliseconds=reader.i64()),
}


@cache
def _readers(entity_type: Any) -> list[tuple[str, Callable[[Reader], object], bool, bool]]:
    """Return of each field its name, what reads it, whether it is an array, and may be null."""
    found = []
    for field in fields(entity_type):
        nested = _nested(field)
        read = (
            partial(_read, entity_type=nested) if nested else _SCALARS[field.metadata["kafka_type"]]
        )
        parts = get_args(field.type)
        is_array = any(get_origin(kind) is tuple for kind in (field.type, *parts))
        found.append((field.name, read, is_array, NoneType in parts))
    return found


def encode(api_key: int, version: int, values: Mapping[str, object]) -> list[bytes]:
    """Encode a response from plain values: dicts for structures, lists for arrays."""
    entity_type = load_response_schema(api_key, version)
    out = io.BytesIO()
    entity_writer(entity_type)(out, _build(entity_type, values))
    return [out.getvalue()]


def _build(entity_type: Any, values: Mapping[str, object]) -> Any:
    known: dict[str, object] = {}
    for name, kind, nested in _plan(entity_type):
        if kind == "timedelta_i32":
            known[name] = _NO_THROTTLE
        elif name not in values:
            continue
        else:
            known[name] = _convert(values[name], kind, nested)
    return entity_type(**known)


def _convert(value: Any, kind: str | None, nested: type | None) -> object:
    if value is None:
        return None
    if nested is not None:
        return tuple(_build(nested, item) for item in value)
    if kind == "error_code":
        return ErrorCode(int(value))
    return tuple(value) if isinstance(value, list) else value


@cache
def _plan(entity_type: Any) -> list[tuple[str, str | None, type | None]]:
    return [(f.name, f.metadata.get("kafka_type"), _nested(f)) for f in fields(entity_type)]


def _nested(field: Field[Any]) -> type | None:
    """Return the structure that an array field holds, through `| None` where it is nullable."""
    candidates = [field.type, *get_args(field.type)]
    for candidate in [*candidates, *(a for c in candidates for a in get_args(c))]:
        if isinstance(candidate, type) and is_dataclass(candidate):
            return candidate
    return None
