"""Avro as others write it: container files with their schema inside, and framed records."""

import json
import lzma
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import IO, Any

import cramjam
import fastavro
from fastavro.schema import SchemaParseException, UnknownType

from infra.publishing.errors import RecordRefused
from infra.publishing.records import AvroItem, FramedItem
from schemas import framing
from schemas.avro import Schema, physical

_DAMAGED = (
    EOFError,
    IndexError,
    KeyError,
    MemoryError,  # a length of many GB, read from damaged bytes
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    cramjam.DecompressionError,
    SchemaParseException,
    UnknownType,
)


def container_items(stream: IO[bytes], name: str) -> Iterator[AvroItem]:
    """Yield the records of an Avro container, their bytes as they stand in it."""
    number = 0
    try:
        blocks: Any = fastavro.block_reader(stream)
        schema = json.loads(blocks.metadata["avro.schema"])
        parsed = fastavro.parse_schema(physical(schema))
        for block in blocks:
            for data, fields in _split(block.bytes_, block.num_records, parsed):
                number += 1
                yield AvroItem(f"{name}, record {number}", schema, data, fields)
    except _DAMAGED as fault:
        where = f"{name}, after record {number}" if number else name
        reason = f"the Avro container can't be read further ({type(fault).__name__}: {fault})"
        raise RecordRefused(where, reason) from fault


def _split(block: BytesIO, records: int, parsed: Schema) -> Iterator[tuple[bytes, Any]]:
    """Yield each record's bytes and fields: only decoding tells where a record ends."""
    whole = block.getvalue()
    end = 0
    for _ in range(records):
        start = end
        fields = fastavro.schemaless_reader(block, parsed, None)
        end = block.tell()
        yield whole[start:end], fields
    if end != len(whole):
        raise ValueError(f"{len(whole) - end} bytes of a block are no record")


def framed_items(stream: IO[bytes], name: str) -> Iterator[FramedItem]:
    """Yield the one record of a stream in the Confluent wire format."""
    value = stream.read()
    try:
        schema_id = framing.schema_id_of(value)
    except framing.NotFramed as fault:
        raise RecordRefused(name, fault) from fault
    yield FramedItem(name, schema_id, value[framing.HEADER_SIZE :])
