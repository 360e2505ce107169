"""Whether data fits an Avro schema, and if not, which field, which value, and what was expected."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from schemas import utc
from schemas.avro import Schema, full_name, schema_of
from schemas.errors import EvctlError
from schemas.plain import from_plain
from schemas.resolving import default_of

_MISSING = object()
_SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, as JSON can escape it


class DoesNotFit(EvctlError):
    """A value does not fit its field."""

    exit_code = 65

    def __init__(self, path: str, value: object, expected: str) -> None:
        shown = repr(value)
        shown = shown if len(shown) <= 80 else f"{shown[:77]}…"
        fault = "is missing; it is" if value is _MISSING else f"{shown} is not"
        super().__init__(f"field {path or '(record)'}: {fault} {expected}")
        self.path, self.value, self.expected = path, value, expected


def event_from(cls: type, data: Mapping[str, Any]) -> Any:
    """Return the event of `cls` that the data describe; raise `DoesNotFit`.

    Instants may be µs or text (UTC where it names no offset); whole numbers are taken for doubles.
    """
    return dated(from_plain(cls)(fit(schema_of(cls), data)), instants_of(schema_of(cls)))


def instants_of(schema: Schema) -> tuple[str, ...]:
    """Return the names of an event's fields that are instants."""
    return tuple(field["name"] for field in schema["fields"] if _is_instant(field["type"]))


def _is_instant(kind: Schema) -> bool:
    if isinstance(kind, list):  # an instant or none
        return any(map(_is_instant, kind))
    return isinstance(kind, dict) and "logicalType" in kind


def dated(event: Any, instants: Sequence[str]) -> Any:
    """Return the event; raise `DoesNotFit` for an instant that no calendar has."""
    for name in instants:
        value = getattr(event, name)
        if value is not None and not utc.FIRST <= value <= utc.LAST:
            raise DoesNotFit(name, value, "in the years 1 to 9999 (whole numbers are µs)")
    return event


def fit(schema: Schema, value: Any, path: str = "", names: dict[str, Schema] | None = None) -> Any:
    """Return the value as Avro's writer wants it for the schema; raise `DoesNotFit`."""
    names = {} if names is None else names
    if isinstance(schema, list):
        return _union(schema, value, path, names)
    if isinstance(schema, dict):
        if "name" in schema:
            names[full_name(schema)] = names[schema["name"]] = schema
        kind = schema["type"]
        if kind in _CONTAINERS:
            return _CONTAINERS[kind](schema, value, path, names)
        if schema.get("logicalType") == "timestamp-micros" and isinstance(value, str):
            return _instant(value, path)
        return fit(kind, value, path, names)
    if schema in _PRIMITIVES:
        return _primitive(schema, value, path)
    return fit(names[schema], value, path, names)


def _primitive(kind: str, value: Any, path: str) -> Any:
    types, expected, accept = _PRIMITIVES[kind]
    if type(value) not in types or not accept(value):
        raise DoesNotFit(path, value, expected)
    return float(value) if kind in {"double", "float"} else value


def _instant(value: str, path: str) -> int:
    try:
        return utc.parse(value)
    except utc.NotATime as fault:
        raise DoesNotFit(path, value, fault.expected) from fault


def _union(members: Sequence[Schema], value: Any, path: str, names: dict[str, Schema]) -> Any:
    faults = []
    for member in members:
        try:
            return fit(member, value, path, names)
        except DoesNotFit as fault:
            faults.append(fault)
    if len(members) == 2 and members[0] == "null":
        raise faults[1]
    deepest = max(faults, key=lambda fault: len(fault.path))
    if deepest.path != path:
        raise deepest
    raise DoesNotFit(path, value, " or ".join(_said(member) for member in members))


def _record(schema: Schema, value: Any, path: str, names: dict[str, Schema]) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise DoesNotFit(path, value, f"an object with the fields of {schema['name']}")
    known = [field["name"] for field in schema["fields"]]
    for name in value:
        if name not in known:
            near = get_close_matches(str(name), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"its fields: {', '.join(known)}"
            raise DoesNotFit(
                _join(path, name), value[name], f"a field of {schema['name']} ({hint})"
            )
    return {f["name"]: _member(f, value, _join(path, f["name"]), names) for f in schema["fields"]}


def _member(field: Any, record: Mapping[str, Any], path: str, names: dict[str, Schema]) -> Any:
    lacking = default_of(field) if "default" in field else _MISSING
    return fit(field["type"], record.get(field["name"], lacking), path, names)


def _array(schema: Schema, value: Any, path: str, names: dict[str, Schema]) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise DoesNotFit(path, value, "an array")
    return [fit(schema["items"], item, f"{path}[{i}]", names) for i, item in enumerate(value)]


def _map(schema: Schema, value: Any, path: str, names: dict[str, Schema]) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise DoesNotFit(path, value, "an object (map of names to values)")
    keys = [_primitive("string", key, path) for key in value]
    fitted = [fit(schema["values"], v, _join(path, k), names) for k, v in value.items()]
    return dict(zip(keys, fitted, strict=True))


def _enum(schema: Schema, value: Any, path: str, _: dict[str, Schema]) -> str:
    if value not in schema["symbols"]:
        raise DoesNotFit(path, value, f"one of {', '.join(schema['symbols'])}")
    return str(value)


def _fixed(schema: Schema, value: Any, path: str, _: dict[str, Schema]) -> bytes:
    if not isinstance(value, bytes) or len(value) != schema["size"]:
        raise DoesNotFit(path, value, f"{schema['size']} bytes")
    return value


def _join(path: str, name: object) -> str:
    return f"{path}.{name}" if path else str(name)


def _said(schema: Schema) -> str:
    kind = schema["type"] if isinstance(schema, dict) else schema
    return _PRIMITIVES[kind][1] if kind in _PRIMITIVES else f"an {kind}"


def _always(_: Any) -> bool:
    return True


def _integer(bits: int) -> Callable[[int], bool]:
    return lambda value: -(1 << bits - 1) <= value < 1 << bits - 1


def _single(value: float) -> bool:
    return not math.isfinite(value) or abs(value) <= 3.4028234663852886e38


def _exact(value: Any) -> bool:
    return isinstance(value, float) or abs(value) <= 1 << 53


def _unicode(value: str) -> bool:
    return value.isascii() or not _SURROGATE.search(value)


_PRIMITIVES: Mapping[str, tuple[tuple[type, ...], str, Callable[[Any], bool]]] = {
    "null": ((type(None),), "null", _always),
    "boolean": ((bool,), "true or false", _always),
    "int": ((int,), "a whole number of 32 bits", _integer(32)),
    "long": ((int,), "a whole number of 64 bits", _integer(64)),
    "float": ((float, int), "a number in the range of 32-bit floats", _single),
    "double": ((float, int), "a number (a whole one up to 2^53)", _exact),
    "string": ((str,), "text that is Unicode", _unicode),
    "bytes": ((bytes,), "bytes", _always),
}

_CONTAINERS: Mapping[str, Callable[[Schema, Any, str, dict[str, Schema]], Any]] = {
    "record": _record,
    "array": _array,
    "map": _map,
    "enum": _enum,
    "fixed": _fixed,
}
