"""Record batches as clients send them, built from the format's description."""

from collections.abc import Callable, Sequence

from crc32c import crc32c

from infra.broker.storage.batch import HEADER, HEADER_SIZE


def varint(value: int) -> bytes:
    """Encode a zig-zag number."""
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def batch(
    timestamps: Sequence[int],
    *,
    pid: int = -1,
    epoch: int = -1,
    sequence: int = -1,
    payload: bytes = b"v",
    codec: int = 0,
    compress: Callable[[bytes], bytes] = bytes,
    magic: int = 2,
    transactional: bool = False,
) -> bytearray:
    """Return a batch with one record for each timestamp (ms)."""
    first = timestamps[0]
    records = b""
    for index, timestamp in enumerate(timestamps):
        body = b"\0" + varint(timestamp - first) + varint(index)
        body += varint(-1) + varint(len(payload)) + payload + varint(0)
        records += varint(len(body)) + body
    records = compress(records)
    size = HEADER_SIZE + len(records)
    attributes = codec | (0x10 if transactional else 0)
    fields = (attributes, len(timestamps) - 1, first, max(timestamps), pid, epoch, sequence)
    out = bytearray(HEADER.pack(0, size - 12, -1, magic, 0, *fields, len(timestamps)) + records)
    out[17:21] = crc32c(out[21:]).to_bytes(4, "big")
    return out


def keyed_batch(
    records: Sequence[tuple[bytes | None, bytes | None]],
    *,
    timestamp: int = 0,
    pid: int = -1,
    epoch: int = -1,
    sequence: int = -1,
    attributes: int = 0,
    compress: Callable[[bytes], bytes] = bytes,
) -> bytearray:
    """Return a batch of (key, value), each a millisecond later than the one before it."""
    content = b""
    for index, (key, value) in enumerate(records):
        body = b"\0" + varint(index) + varint(index) + _sized(key) + _sized(value)
        body += varint(1) + _sized(b"h") + _sized(b"%d" % index)
        content += varint(len(body)) + body
    content = compress(content)
    last = len(records) - 1
    size = HEADER_SIZE + len(content)
    fields = (attributes, last, timestamp, timestamp + last, pid, epoch, sequence)
    out = bytearray(HEADER.pack(0, size - 12, -1, 2, 0, *fields, len(records)) + content)
    out[17:21] = crc32c(out[21:]).to_bytes(4, "big")
    return out


def _sized(content: bytes | None) -> bytes:
    return varint(-1) if content is None else varint(len(content)) + content
