"""The four codecs of record batches, as Kafka's clients frame them."""

from struct import Struct

import cramjam

_XERIAL_MAGIC = b"\x82SNAPPY\x00"
_XERIAL_HEADER = 16
_BLOCK = Struct(">i")


def decompress(codec: int, data: bytes) -> bytes:
    """Return the records of a batch compressed with `codec`: 1 gzip, 2 snappy, 3 lz4, 4 zstd."""
    if codec == 1:
        return bytes(cramjam.gzip.decompress(data))
    if codec == 2:
        return _snappy(data)
    if codec == 3:
        return bytes(cramjam.lz4.decompress(data))
    if codec == 4:
        return bytes(cramjam.zstd.decompress(data))
    raise ValueError(f"compression codec {codec} is none of 1 gzip, 2 snappy, 3 lz4, 4 zstd")


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
