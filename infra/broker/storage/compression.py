"""The four codecs of record batches, as Kafka's clients frame them."""

from collections.abc import Callable
from struct import Struct

import cramjam

_XERIAL_MAGIC = b"\x82SNAPPY\x00"
_XERIAL_HEADER = 16
_BLOCK = Struct(">i")
# an lz4 frame of independent blocks of up to 64 kB, the only kind that Java's client reads
_LZ4_HEADER = b"\x04\x22\x4d\x18\x60\x40\x82"
_LZ4_BLOCK = 1 << 16
_LZ4_SIZE = Struct("<I")
_LZ4_PLAIN = 1 << 31
_INTO: dict[int, Callable[[bytes, bytearray], int]] = {
    1: cramjam.gzip.decompress_into,
    3: cramjam.lz4.decompress_into,
    4: cramjam.zstd.decompress_into,
}
MOST = 128 << 20
"""Bytes that the records of one batch may have: a batch of 1 MB can hold a thousand times that."""


def decompress(codec: int, data: bytes) -> bytes:
    """Return the records of a batch compressed with `codec`: 1 gzip, 2 snappy, 3 lz4, 4 zstd.

    Raises `ValueError` if they are not, or if they are more than `MOST` bytes.
    """
    try:
        return _decompress(codec, data)
    except cramjam.DecompressionError as error:
        raise ValueError(str(error)) from error


def _decompress(codec: int, data: bytes) -> bytes:
    if codec == 2:
        return _snappy(data)
    if codec in _INTO:
        return _bounded(_INTO[codec], data)
    raise ValueError(f"compression codec {codec} is none of 1 gzip, 2 snappy, 3 lz4, 4 zstd")


def _bounded(decompress_into: Callable[[bytes, bytearray], int], data: bytes) -> bytes:
    """Decompress into a buffer that grows with what is needed, up to the limit."""
    size = 8 * len(data)
    while True:
        size = min(size, MOST)
        buffer = bytearray(size)
        try:
            return bytes(memoryview(buffer)[: decompress_into(data, buffer)])
        except cramjam.DecompressionError:
            if size == MOST:
                raise
        size *= 8


def compress(codec: int, data: bytes) -> bytes:
    """Compress the records of a batch, so that every client can read them."""
    if codec == 1:
        return bytes(cramjam.gzip.compress(data))
    if codec == 2:
        return bytes(cramjam.snappy.compress_raw(data))
    if codec == 3:
        return _lz4(data)
    if codec == 4:
        return bytes(cramjam.zstd.compress(data))
    raise ValueError(f"compression codec {codec} is none of 1 gzip, 2 snappy, 3 lz4, 4 zstd")


def _lz4(data: bytes) -> bytes:
    out = bytearray(_LZ4_HEADER)
    for position in range(0, len(data), _LZ4_BLOCK):
        block = data[position : position + _LZ4_BLOCK]
        packed = bytes(cramjam.lz4.compress_block(block, store_size=False))
        if len(packed) < len(block):
            out += _LZ4_SIZE.pack(len(packed)) + packed
        else:
            out += _LZ4_SIZE.pack(len(block) | _LZ4_PLAIN) + block
    return bytes(out + _LZ4_SIZE.pack(0))


def _snappy(data: bytes) -> bytes:
    """Java's client cuts snappy into xerial blocks, librdkafka sends one raw block."""
    if not data.startswith(_XERIAL_MAGIC):
        return _raw_snappy(data, MOST)
    out = bytearray()
    position = _XERIAL_HEADER
    while position < len(data):
        (length,) = _BLOCK.unpack_from(data, position)
        position += _BLOCK.size
        out += _raw_snappy(data[position : position + length], MOST - len(out))
        position += length
    return bytes(out)


def _raw_snappy(block: bytes, most: int) -> bytes:
    size = cramjam.snappy.decompress_raw_len(block)
    if size > most:
        raise ValueError(f"{size} bytes of records, {most} are allowed")
    return bytes(cramjam.snappy.decompress_raw(block))
