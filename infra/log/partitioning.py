"""Which partition a key goes to: Java's default partitioner, so that every client agrees.

librdkafka calls it `murmur2`; it is asked for here by those who have to know before they produce.
"""

_SEED, _M, _R = 0x9747B28C, 0x5BD1E995, 24
_32 = 0xFFFF_FFFF


def partition_of(key: str | None, partitions: int) -> int:
    """Return the partition of a key; records without one, where order is wanted, go to 0."""
    if key is None or partitions == 1:
        return 0
    return (murmur2(key.encode()) & 0x7FFF_FFFF) % partitions


def murmur2(data: bytes) -> int:
    """Return the 32-bit MurmurHash2 (Austin Appleby, public domain) with Kafka's seed."""
    whole = len(data) // 4 * 4
    found = _SEED ^ len(data)
    for at in range(0, whole, 4):
        word = int.from_bytes(data[at : at + 4], "little") * _M & _32
        word ^= word >> _R
        found = (found * _M & _32) ^ (word * _M & _32)
    if whole < len(data):
        found = (found ^ int.from_bytes(data[whole:], "little")) * _M & _32
    found ^= found >> 13
    found = found * _M & _32
    return found ^ found >> 15
