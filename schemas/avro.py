"""Events to Avro bytes and back, and what a schema is known by."""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import fastavro
from fastavro.read import SchemaResolutionError
from fastavro.schema import fingerprint, to_parsing_canonical_form

from schemas.deriving import PRIMITIVES, Schema, schema_of
from schemas.errors import EvctlError
from schemas.plain import from_plain, to_plain
from schemas.resolving import default_of, meet, whole

__all__ = [
    "NotAvro",
    "Schema",
    "fingerprint_of",
    "full_name",
    "physical",
    "reader",
    "schema_id",
    "schema_of",
    "schema_writer",
    "writer",
]

_READING_FAULTS = (
    EOFError,
    ValueError,
    IndexError,
    OverflowError,
    TypeError,
    SchemaResolutionError,
)
"""What fastavro raises for bytes that are not of the schema, or that another one can't read."""


class NotAvro(EvctlError):
    """The bytes do not decode with the schema they name."""

    def __init__(self, schema_name: str, reason: str) -> None:
        super().__init__(f"The bytes are not Avro of {schema_name}: {reason}.")


def physical(schema: Schema) -> Schema:
    """Return the schema without logical types: values stay the numbers and bytes on the wire."""
    if isinstance(schema, list):
        return [physical(member) for member in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {k: v for k, v in schema.items() if k not in {"logicalType", "precision", "scale"}}
    for inner in ("type", "items", "values"):
        if inner in plain:
            plain[inner] = physical(plain[inner])
    if "fields" in plain:
        plain["fields"] = [physical(field) for field in plain["fields"]]
    return plain


def fingerprint_of(schema: Schema) -> int:
    """Return the CRC-64-AVRO fingerprint of the schema's parsing canonical form, unsigned."""
    canonical = to_parsing_canonical_form(physical(schema))
    digest = bytes.fromhex(fingerprint(canonical, "CRC-64-AVRO"))
    return int.from_bytes(digest, "little")


def schema_id(schema: Schema) -> int:
    """Return the id of a schema that no registry numbered: 31 bits of its fingerprint, not 0.

    The id has to be positive, for Kafka's tools read it as a signed int32.
    """
    return fingerprint_of(schema) & 0x7FFF_FFFF or 1


def full_name(schema: Schema) -> str:
    """Return the schema's full name, or its type where it has none."""
    if isinstance(schema, dict) and "name" in schema:
        name, namespace = str(schema["name"]), schema.get("namespace")
        return f"{namespace}.{name}" if namespace and "." not in name else name
    return str(schema.get("type")) if isinstance(schema, dict) else "union"


def writer(cls: type, prefix: bytes = b"") -> Callable[[Any], bytes]:
    """Return the function that turns an event of `cls` into Avro bytes, after a fixed prefix.

    It raises `TypeError`, `ValueError` or `OverflowError` for a field that does not fit;
    `schemas.fitting` says which one and why.
    """
    schema = physical(schema_of(cls))
    parsed = fastavro.parse_schema(schema)
    mixed = tuple(field["name"] for field in schema["fields"] if _is_map_of_union(field["type"]))
    write, buffer_type, plain = fastavro.schemaless_writer, io.BytesIO, to_plain(cls)

    def encode(event: Any) -> bytes:
        buffer = buffer_type()
        buffer.write(prefix)
        datum = plain(event)
        for name in mixed:
            datum[name] = _branched(datum[name])
        write(buffer, parsed, datum, strict=True)
        return buffer.getvalue()

    return encode


def schema_writer(schema: Schema) -> Callable[[Mapping[str, Any]], bytes]:
    """Return the function that turns fields into Avro bytes of a schema; they have to fit it."""
    parsed = fastavro.parse_schema(physical(schema))

    def encode(found: Mapping[str, Any]) -> bytes:
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, parsed, found)
        return buffer.getvalue()

    return encode


def _rounding(
    name: str, rounded: Sequence[str], build: Callable[[Mapping[str, Any]], Any]
) -> Callable[[Mapping[str, Any]], Any]:
    """Return what makes an event of fields some of which were doubles when written."""

    def build_rounded(found: Mapping[str, Any]) -> Any:
        whole_ones = {}
        for field in rounded:
            try:
                whole_ones[field] = whole(found[field])
            except ValueError as fault:
                raise NotAvro(name, f"field {field}: {fault}") from fault
        return build({**found, **whole_ones})

    return build_rounded


def _branched(values: Mapping[str, Any]) -> dict[str, Any]:
    """Name the branch of the union for each value: fastavro's own search takes twice as long.

    To fastavro a tuple names a branch, so that an array has to be a list.
    """
    return {
        name: (branch, value) if (branch := PRIMITIVES.get(type(value))) else list(value)
        for name, value in values.items()
    }


def _is_map_of_union(kind: Schema) -> bool:
    return isinstance(kind, dict) and kind["type"] == "map" and isinstance(kind["values"], list)


def reader(written: Schema, cls: type | None) -> Callable[[bytes, int], Any]:
    """Return the function that decodes Avro bytes from an offset on.

    `written` is the schema they were written with. With a class the result is its event, resolved
    to today's schema; without, it is a dict of the fields. Bytes left over, or too few, are an
    error: `NotAvro`.
    """
    parsed = fastavro.parse_schema(physical(written))
    wanted: Any = None
    read, buffer_type, name = fastavro.schemaless_reader, io.BytesIO, full_name(written)
    build = None if cls is None else from_plain(cls)
    if cls is not None and fingerprint_of(written) != fingerprint_of(schema_of(cls)):
        met = meet(physical(schema_of(cls)), physical(written))
        wanted = fastavro.parse_schema(met.schema)
        for field in wanted["fields"]:
            if "default" in field:
                field["default"] = default_of(field)
        if met.rounded:
            build = _rounding(name, met.rounded, from_plain(cls))

    def decode(data: bytes, start: int) -> Any:
        buffer = buffer_type(data)
        buffer.seek(start)
        try:
            found: Any = read(buffer, parsed, wanted)
        except _READING_FAULTS as fault:
            raise NotAvro(name, f"{type(fault).__name__}: {fault}") from fault
        if buffer.tell() != len(data):
            raise NotAvro(name, f"{len(data) - buffer.tell()} bytes are left over")
        return found if build is None else build(found)

    return decode
