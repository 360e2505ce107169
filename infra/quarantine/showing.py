"""A quarantined record as people look at it: who refused it, why, and what its bytes say."""

import io
import json
from collections.abc import Iterator
from typing import Any

import fastavro

from infra.log.decoding import SCHEMA_FAULTS
from infra.log.errors import UnknownSchema
from infra.log.registry import Registry
from infra.quarantine.entries import Entry
from infra.tailing.people import said
from schemas import avro, utc
from schemas.events.quarantine import RecordQuarantined
from schemas.framing import HEADER_SIZE, NotFramed, schema_id_of
from schemas.record import Position

_LINE = 16
_READING_FAULTS = (EOFError, IndexError, OverflowError, *SCHEMA_FAULTS)


def summary(entry: Entry) -> Iterator[tuple[str, str]]:
    """Yield what is known of a record and a reader: name and text of each thing."""
    yield "reader", entry.case.reader
    yield "record", str(entry.case.position)
    yield "status", entry.status
    yield "reason", entry.reason or "it was never quarantined"
    if entry.quarantined is not None:
        yield "quarantined", utc.iso(entry.quarantined)
    if entry.who:
        yield entry.status, f"{utc.iso(entry.changed)} by {entry.who}"
    if entry.why:
        yield "why", entry.why
    yield "id", entry.record_id or "its headers can't be read"


def content(event: RecordQuarantined, registry: Registry) -> Iterator[tuple[str, str]]:
    """Yield what the record's bytes say, decoded as far as that goes."""
    yield "timestamp", utc.iso(event.timestamp * 1000)
    yield "key", _text(event.key)
    for name, value in zip(event.header_names, event.header_values, strict=True):
        yield f"header {name}", _text(value)
    yield "value", "none" if event.value is None else f"{event.size:,} bytes"
    yield from _decoded(event, registry)


def _decoded(event: RecordQuarantined, registry: Registry) -> Iterator[tuple[str, str]]:
    try:
        number = schema_id_of(event.value)
    except NotFramed:
        yield "schema", "none: the value does not begin as an Avro record does"
        return
    position = Position(event.topic, event.partition, event.offset)
    try:
        schema = registry.schema(number, position)
    except UnknownSchema:
        yield "schema", f"{number}, which is not on _schemas"
        return
    yield "schema", f"{number}, {avro.full_name(schema)}"
    yield from _fields(schema, (event.value or b"")[HEADER_SIZE:])


def _fields(schema: Any, data: bytes) -> Iterator[tuple[str, str]]:
    """Yield the fields of a record one after the other, up to the first that can't be read."""
    if not isinstance(schema, dict) or "fields" not in schema:
        return
    buffer = io.BytesIO(data)
    for field in avro.physical(schema)["fields"]:
        try:
            value = fastavro.schemaless_reader(buffer, fastavro.parse_schema(field["type"]), None)
        except _READING_FAULTS as fault:
            yield f"  {field['name']}", f"can't be read ({type(fault).__name__}: {fault})"
            return
        yield f"  {field['name']}", said(value)
    if left := len(data) - buffer.tell():
        yield "  left over", f"{left:,} bytes"


def hexadecimal(value: bytes, most: int) -> Iterator[str]:
    """Yield the first bytes of a value, 16 a line: offset, digits, and the letters among them."""
    for start in range(0, min(len(value), most), _LINE):
        part = value[start : min(start + _LINE, most)]
        letters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        yield f"{start:08x}  {part.hex(' '):<{3 * _LINE - 1}}  {letters}"
    if len(value) > most:
        yield f"… {len(value) - most:,} more bytes; --bytes N shows more"


def _text(value: bytes | None) -> str:
    if value is None:
        return "none"
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return value.hex(" ")
    return text if text.isprintable() else json.dumps(text)
