"""Everything that is not asked thousands of times a second: decoded and encoded by kio.

kio's classes follow Kafka's own message definitions, one for each version. A handler answers with
plain values of the newest version; fields that an older version lacks are left out here.
"""

import io
from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass
from datetime import timedelta
from functools import cache
from types import NoneType
from typing import Any, get_args, get_origin

from kio.index import load_request_schema, load_response_schema
from kio.schema.errors import ErrorCode
from kio.serial import entity_reader, entity_writer
from kio.serial.errors import SerialError
from kio.static.primitive import i32Timedelta

from infra.broker.errors import MalformedFrame

_NO_THROTTLE = i32Timedelta.parse(timedelta(0))


def decode(api_key: int, version: int, body: memoryview) -> Any:
    """Decode a request into kio's frozen dataclass of that version."""
    try:
        entity = _reader(api_key, version)(bytes(body), 0)[0]
    except (SerialError, ValueError, KeyError, OverflowError) as error:
        raise MalformedFrame(f"{error} in a request with API key {api_key}") from error
    _refuse_nulls(entity)
    return entity


def _refuse_nulls(entity: Any) -> None:
    """Refuse arrays that are null where the protocol has none; kio lets them pass."""
    entity_type: Any = type(entity)
    for name, nullable, nested in _arrays(entity_type):
        items = getattr(entity, name)
        if items is None and not nullable:
            raise MalformedFrame(f"{entity_type.__name__} without its array {name}")
        if nested is not None and _arrays(nested):
            for item in items or ():
                _refuse_nulls(item)


@cache
def _arrays(entity_type: Any) -> list[tuple[str, bool, type | None]]:
    """Return (name, whether it may be null, structure inside) of the array fields."""
    return [
        (f.name, NoneType in get_args(f.type), _nested(f))
        for f in fields(entity_type)
        if any(get_origin(kind) is tuple for kind in (f.type, *get_args(f.type)))
    ]


def encode(api_key: int, version: int, values: Mapping[str, object]) -> list[bytes]:
    """Encode a response from plain values: dicts for structures, lists for arrays."""
    entity_type = load_response_schema(api_key, version)
    out = io.BytesIO()
    entity_writer(entity_type)(out, _build(entity_type, values))
    return [out.getvalue()]


@cache
def _reader(api_key: int, version: int) -> Any:
    return entity_reader(load_request_schema(api_key, version))


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
