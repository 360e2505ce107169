"""Record batches of Kafka's message format 2: their header, their check, and the records inside."""

import struct
from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from crc32c import crc32c

from infra.broker.errors import Code, ProtocolError

HEADER = Struct(">qiibIhiqqqhii")  # 61 bytes
HEADER_SIZE = 61
LOG_OVERHEAD = 12  # base offset and length, which the length does not count
LEADER_EPOCH = 0
_PATCH = Struct(">qii")
_CODEC = 0x07
_LOG_APPEND_TIME = 0x08
_LEAST_RECORD = 7  # bytes: seven fields of one byte each
TRANSACTIONAL = 0x10
CONTROL = 0x20
DELETE_HORIZON = 0x40


class InvalidBatch(ProtocolError):
    """Bytes that are no valid record batch; the text says why."""

    def __init__(self, why: str, code: Code = Code.CORRUPT_MESSAGE) -> None:
        super().__init__(code, why)


class BatchHeader(NamedTuple):
    """The fixed fields of a record batch, in their order on the wire; times in ms."""

    base_offset: int
    length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    base_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    record_count: int

    @property
    def size(self) -> int:
        """Size of the whole batch in bytes."""
        return self.length + LOG_OVERHEAD

    @property
    def last_offset(self) -> int:
        """Offset of the last record."""
        return self.base_offset + self.last_offset_delta

    @property
    def codec(self) -> int:
        """Compression: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd."""
        return self.attributes & _CODEC

    @property
    def is_transactional(self) -> bool:
        """Whether the batch belongs to a transaction."""
        return bool(self.attributes & TRANSACTIONAL)

    @property
    def is_control(self) -> bool:
        """Whether the batch holds a marker instead of records."""
        return bool(self.attributes & CONTROL)

    @property
    def delete_horizon(self) -> int | None:
        """When its tombstones may go (ms), set by the first compaction that met them."""
        return self.base_timestamp if self.attributes & DELETE_HORIZON else None


def header_at(buf: bytes | bytearray | memoryview, position: int = 0) -> BatchHeader:
    """Read the header of the batch at `position`; raises `InvalidBatch` if it is cut off."""
    try:
        return BatchHeader._make(HEADER.unpack_from(buf, position))
    except struct.error:
        raise InvalidBatch("the bytes end inside the header of a batch") from None


def validate(batch: memoryview) -> BatchHeader:
    """Check that `batch` is exactly one batch as producers make them, and return its header."""
    header = intact(batch)
    if header.last_offset_delta + 1 != header.record_count:
        raise InvalidBatch(
            f"{header.record_count} records, last offset delta {header.last_offset_delta}"
        )
    if header.producer_id >= 0 > header.base_sequence and not header.is_control:
        raise InvalidBatch("a producer id without a sequence number", Code.INVALID_RECORD)
    if not header.codec and header.record_count * _LEAST_RECORD > len(batch) - HEADER_SIZE:
        raise InvalidBatch("too few bytes for its records", Code.INVALID_RECORD)
    return header


def intact(batch: memoryview) -> BatchHeader:
    """Check that `batch` is exactly one intact batch of format 2, and return its header.

    A compacted one keeps its offsets while records go, to the last of them.
    """
    header = header_at(batch)
    if header.magic != 2:
        raise InvalidBatch(
            f"message format {header.magic} instead of 2", Code.UNSUPPORTED_FOR_MESSAGE_FORMAT
        )
    if header.length + LOG_OVERHEAD != len(batch):
        raise InvalidBatch(f"a length of {header.size} bytes in {len(batch)} bytes")
    if crc32c(batch[21:]) != header.crc:
        raise InvalidBatch(f"the checksum is not {header.crc:#010x}")
    if header.last_offset_delta < 0 or not 0 <= header.record_count <= header.last_offset_delta + 1:
        raise InvalidBatch(
            f"{header.record_count} records, last offset delta {header.last_offset_delta}"
        )
    return header


def place(batch: memoryview, base_offset: int) -> None:
    """Write the log's offset and leader epoch into `batch`; both lie outside its checksum."""
    _PATCH.pack_into(batch, 0, base_offset, len(batch) - LOG_OVERHEAD, LEADER_EPOCH)


def timestamps(batch: memoryview) -> Iterator[tuple[int, int]]:
    """Yield (offset, timestamp in ms) of every record of a valid batch, compressed or not.

    Raises `InvalidBatch` where the records are not as Kafka writes them.
    """
    try:
        yield from _timestamps(batch)
    except (IndexError, ValueError) as error:
        raise InvalidBatch(f"its records can't be read: {error}") from None


def _timestamps(batch: memoryview) -> Iterator[tuple[int, int]]:
    header = header_at(batch)
    body = records_of(batch, header)
    position = 0
    for _ in range(header.record_count):
        length, start = varint(body, position)
        timestamp_delta, after = varint(body, start + 1)
        offset_delta, _ = varint(body, after)
        timestamp = header.base_timestamp + timestamp_delta
        if header.attributes & _LOG_APPEND_TIME:
            timestamp = header.max_timestamp
        yield header.base_offset + offset_delta, timestamp
        position = start + length


def records_of(batch: memoryview, header: BatchHeader) -> bytes | memoryview:
    """Return the records of a batch as they were before they were compressed."""
    body = batch[HEADER_SIZE : header.size]
    if not header.codec or not header.record_count:
        return body
    from infra.broker.storage.compression import decompress  # noqa: PLC0415  slow, and rarely needed

    try:
        return decompress(header.codec, bytes(body))
    except ValueError as error:
        raise InvalidBatch(f"records that can't be decompressed: {error}") from error


def varint(buf: bytes | memoryview, position: int) -> tuple[int, int]:
    """Decode a zig-zag number; returns it and the position behind it."""
    value = shift = 0
    while True:
        byte = buf[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), position
        shift += 7
