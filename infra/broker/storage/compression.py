"""The four codecs of record batches, as Kafka's clients frame them."""

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


def decompress(codec: int, data: bytes) -> bytes:
    """Return the records of a batch compressed with `codec`: 1 gzip, 2 snappy, 3 lz4, 4 zstd.

    Raises `ValueError` if they are not.
    """
    try:
        return _decompress(codec, data)
    except cramjam.DecompressionError as error:
        raise ValueError(str(error)) from error


def _decompress(codec: int, data: bytes) -> bytes:
    if codec == 1:
        return bytes(cramjam.gzip.decompress(data))
    if codec == 2:
        return _snappy(data)
    if codec == 3:
        return bytes(cramjam.lz4.decompress(data))
    if codec == 4:
        return bytes(cramjam.zstd.decompress(data))
    raise ValueError(f"compression codec {codec} is none of 1 gzip, 2 snappy, 3 lz4, 4 zstd")


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
        return bytes(cramjam.snappy.decompress_raw(data))
    out = bytearray()
    position = _XERIAL_HEADER
    while position < len(data):
        (length,) = _BLOCK.unpack_from(data, position)
        position += _BLOCK.size
        out += bytes(cramjam.snappy.decompress_raw(data[position : position + length]))
        position += length
    return bytes(out)
