"""The records inside a batch: their keys, and batches written again with some of them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from crc32c import crc32c

from infra.broker.errors import Code, ProtocolError
from infra.broker.storage import batch as batches
from infra.broker.storage.batch import (
    DELETE_HORIZON,
    HEADER,
    HEADER_SIZE,
    BatchHeader,
    InvalidBatch,
)

_CODEC = 0x07
_CRC_FROM = 21


class Record(NamedTuple):
    """One record as it lies in its batch; `body` is all of it behind its length."""

    offset: int
    timestamp: int
    key: bytes | None
    is_tombstone: bool
    body: bytes


def records(batch: memoryview) -> Iterator[Record]:
    """Yield the records of an intact batch, compressed or not."""
    header = batches.header_at(batch)
    content = bytes(batches.records_of(batch, header))
    position = 0
    varint = batches.varint
    for _ in range(header.record_count):
        length, start = varint(content, position)
        position = start + length
        timestamp_delta, at = varint(content, start + 1)
        offset_delta, at = varint(content, at)
        key_length, at = varint(content, at)
        key = None if key_length < 0 else content[at : at + key_length]
        value_length, _ = varint(content, at + max(key_length, 0))
        yield Record(
            header.base_offset + offset_delta,
            header.base_timestamp + timestamp_delta,
            key,
            value_length < 0,
            content[start:position],
        )


def require_keys(batch: memoryview, header: BatchHeader) -> None:
    """Refuse a batch with a record that has no key, which a compacted topic can't keep."""
    content = bytes(batches.records_of(batch, header))
    try:
        end = _last_key_end(content, header.record_count)
    except IndexError:
        end = -1
    if end != len(content):
        raise InvalidBatch("the records do not fill their batch", Code.INVALID_RECORD)


def _last_key_end(content: bytes, count: int) -> int:
    """Return the end of the records, each of which has a key."""
    position = 0
    varint = batches.varint
    for number in range(count):
        length, start = varint(content, position)
        position = start + length
        # attributes, two deltas, then the key's length
        at = start + 1
        while content[at] & 0x80:
            at += 1
        at += 1
        while content[at] & 0x80:
            at += 1
        if content[at + 1] & 1:  # the lowest bit of a zig-zag number is its sign
            raise ProtocolError(
                Code.INVALID_RECORD,
                f"record {number} of the batch has no key, but the topic is compacted",
            )
    return position


def with_records(header: BatchHeader, kept: Sequence[Record], horizon_ms: int | None) -> bytes:
    """Return a batch of some of its records; offsets, producer and sequence stay.

    With a horizon it says from when on its tombstones may go, where the base timestamp was.
    """
    attributes = header.attributes & ~DELETE_HORIZON
    base_timestamp = header.base_timestamp
    bodies = [record.body for record in kept]
    if horizon_ms is not None:
        attributes |= DELETE_HORIZON
        base_timestamp = horizon_ms
    if base_timestamp != header.base_timestamp:
        bodies = [_retimed(record, base_timestamp) for record in kept]
    content = b"".join(_varint(len(body)) + body for body in bodies)
    if not kept:
        attributes &= ~_CODEC
    elif attributes & _CODEC:
        from infra.broker.storage.compression import compress  # noqa: PLC0415  slow, and rarely needed

        content = compress(attributes & _CODEC, content)
    times = [record.timestamp for record in kept]
    changed = header._replace(
        length=HEADER_SIZE + len(content) - batches.LOG_OVERHEAD,
        attributes=attributes,
        base_timestamp=base_timestamp,
        max_timestamp=max(times, default=header.max_timestamp),
        record_count=len(kept),
    )
    out = bytearray(HEADER.pack(*changed) + content)
    out[17:_CRC_FROM] = crc32c(memoryview(out)[_CRC_FROM:]).to_bytes(4, "big")
    return bytes(out)


def _retimed(record: Record, base_timestamp: int) -> bytes:
    """Return a record's body with its timestamp counted from another one."""
    _, after = batches.varint(record.body, 1)
    return record.body[:1] + _varint(record.timestamp - base_timestamp) + record.body[after:]


def _varint(value: int) -> bytes:
    """Encode a zig-zag number."""
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
