"""Records of a shape, told by their bytes in a fraction of the time that decoding takes.

Of one key most records differ in their times and in the values of their maps only. Where everything
else is the same, what they hold is (`holds`, in `schemas.declare`), and only that is asked for.
Avro is read from left to right without a choice, so an expression that fits all of the bytes reads
them as a decoder does.
"""

import io
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import fastavro

from schemas.avro import Schema
from schemas.declare import Holds

_VARINT = rb"[\x80-\xff]{0,9}[\x00-\x7f]"
_SHORT = 64
_TEXT = b"|".join(re.escape(bytes([2 * n])) + b".{%d}" % n for n in range(_SHORT))
"""Text of up to so many bytes less one: its length, twice, and then the bytes."""

_PRIMITIVES = frozenset({"null", "boolean", "long", "double", "string", "bytes"})

_NUMBER = {"null": b"", "boolean": rb"[\x00\x01]", "long": _VARINT, "double": b".{8}"}


class Shape(NamedTuple):
    """What records of these bytes hold."""

    fits: "re.Pattern[bytes]"
    holds: Holds


def shape_of(schema: Schema, event: Any, value: bytes, start: int) -> Shape | None:
    """Return the shape of a record, none where its bytes do not tell it.

    `schema` is what it was written in, and today's of its event; its Avro begins at `start`.
    """
    parts = [re.escape(value[:start])]
    for field in schema["fields"]:
        part = _part(field["type"], getattr(event, field["name"]))
        if part is None:
            return None
        parts.append(part)
    fits = re.compile(b"".join(parts), re.DOTALL)
    return Shape(fits, event.holds) if fits.fullmatch(value) else None


def _part(kind: Schema, value: Any) -> bytes | None:
    if isinstance(kind, str):
        return _same(kind, value) if kind in _PRIMITIVES else None
    if not isinstance(kind, dict):
        return None
    if kind.get("logicalType") == "timestamp-micros":
        return _VARINT
    if kind["type"] == "map":
        return _map(kind["values"], value)
    return _part(kind["type"], value)


def _map(kind: Schema, found: Mapping[str, Any]) -> bytes:
    """Return what fits a map of the same names, in their order, and whatever values."""
    parts = [_same("long", len(found))] if found else []
    for name, value in found.items():
        parts += [_same("string", name), _any(kind, value)]
    return b"".join([*parts, rb"\x00"])


def _any(kind: Schema, value: Any) -> bytes:
    """Return what fits values like one: text, numbers, or as many items like its."""
    members = kind if isinstance(kind, list) else [kind]
    branches = []
    for index, member in enumerate(members):
        like = _like(member, value)
        if like is not None:
            branch = re.escape(bytes([2 * index])) if isinstance(kind, list) else b""
            branches.append(branch + b"(?:" + like + b")")
    return b"(?:" + b"|".join(branches) + b")"


def _like(member: Schema, value: Any) -> bytes | None:
    if isinstance(member, str):
        likes = {"string": _TEXT, "null": b""} if isinstance(value, str) else _NUMBER
        return likes.get(member)
    if not isinstance(value, list) or member["type"] != "array" or not 0 < len(value) < _SHORT:
        return None
    items = b"".join(_any(member["items"], item) for item in value)
    return _same("long", len(value)) + items + rb"\x00"


def _same(kind: str, value: Any) -> bytes:
    """Return what fits the very bytes of a value."""
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema({"type": kind}), value)
    return re.escape(buffer.getvalue())
