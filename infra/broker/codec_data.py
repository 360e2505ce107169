"""Produce (3–9) and Fetch (4–12) packed by hand: the two requests that carry the records."""

from struct import Struct
from typing import NamedTuple

from infra.broker.errors import Code, MalformedFrame
from infra.broker.wire import Reader, count, string, tags, uvarint

_I32 = Struct(">i")


class ProduceRequest(NamedTuple):
    """What a producer sends; the records are views into the frame, valid while it is handled."""

    transactional_id: str | None
    acks: int
    topics: list[tuple[str, list[tuple[int, memoryview | None]]]]


class Produced(NamedTuple):
    """The outcome for one partition; offsets are −1 where the append was refused."""

    partition: int
    error: int
    base_offset: int = -1
    log_start: int = -1
    message: str | None = None


class FetchPartition(NamedTuple):
    """One partition of a fetch; `max_bytes` bounds its part of the answer."""

    partition: int
    offset: int
    max_bytes: int


class FetchRequest(NamedTuple):
    """What a consumer asks for."""

    max_wait_ms: int
    min_bytes: int
    max_bytes: int
    isolation: int
    topics: list[tuple[str, list[FetchPartition]]]


class Fetched(NamedTuple):
    """The answer for one partition."""

    partition: int
    error: int
    high_watermark: int = -1
    log_start: int = -1
    records: bytes = b""


def read_produce(version: int, body: memoryview) -> ProduceRequest:
    """Decode a Produce request."""
    r = Reader(body, flexible=version >= 9)
    transactional_id, acks, _timeout = r.nullable_string(), r.i16(), r.i32()
    topics = []
    for _ in range(r.count()):
        name, partitions = r.string(), []
        for _ in range(r.count()):
            partitions.append((r.i32(), r.nullable_bytes()))
            r.skip_tags()
        r.skip_tags()
        topics.append((name, partitions))
    return ProduceRequest(transactional_id, acks, topics)


_PRODUCED = {3: Struct(">ihqq"), 5: Struct(">ihqqq")}


def pack_produced(version: int, topics: list[tuple[str, list[Produced]]]) -> list[bytes]:
    """Encode a Produce response."""
    flexible = version >= 9
    out = [count(len(topics), flexible)]
    for name, partitions in topics:
        out += (string(name, flexible), count(len(partitions), flexible))
        for p in partitions:
            # the time is −1 because timestamps are the producer's (CreateTime)
            if version >= 5:
                out.append(_PRODUCED[5].pack(p.partition, p.error, p.base_offset, -1, p.log_start))
            else:
                out.append(_PRODUCED[3].pack(p.partition, p.error, p.base_offset, -1))
            if version >= 8:
                out += (count(0, flexible), string(p.message, flexible), tags(flexible))
        out.append(tags(flexible))
    out += (_I32.pack(0), tags(flexible))
    return out


# (columns of one partition up to the version, positions of: index, offset, max bytes)
_FETCH_ROW = {
    4: (Struct(">iqi"), 0, 1, 2),
    5: (Struct(">iqqi"), 0, 1, 3),
    9: (Struct(">iiqqi"), 0, 2, 4),
    12: (Struct(">iiqiqib"), 0, 2, 5),
}


def read_fetch(version: int, body: memoryview) -> FetchRequest:
    """Decode a Fetch request; sessions are not kept, so that every request lists all partitions."""
    r = Reader(body, flexible=version >= 12)
    _replica, max_wait, min_bytes, max_bytes = r.i32(), r.i32(), r.i32(), r.i32()
    isolation = r.i8()
    if version >= 7:
        r.view(8)  # session id and epoch
    row, index, offset, limit = _FETCH_ROW[max(v for v in _FETCH_ROW if v <= version)]
    topics = []
    for _ in range(r.count()):
        name = r.string()
        rows = r.view(r.count() * row.size)
        if version >= 12 and any(fields[-1] for fields in row.iter_unpack(rows)):
            raise MalformedFrame("a tagged field in a partition of a fetch")
        partitions = [FetchPartition(f[index], f[offset], f[limit]) for f in row.iter_unpack(rows)]
        r.skip_tags()
        topics.append((name, partitions))
    return FetchRequest(max_wait, min_bytes, max_bytes, isolation, topics)


_FETCHED = {4: Struct(">ihqq"), 5: Struct(">ihqqq")}
_FETCH_HEAD = Struct(">ihi")


def pack_fetched(
    version: int, isolation: int, topics: list[tuple[str, list[Fetched]]]
) -> list[bytes]:
    """Encode a Fetch response; the records stay as they are."""
    flexible = version >= 12
    aborted = count(0 if isolation else -1, flexible)
    replica = _I32.pack(-1) if version >= 11 else b""
    out = [_FETCH_HEAD.pack(0, Code.NONE, 0) if version >= 7 else _I32.pack(0)]
    out.append(count(len(topics), flexible))
    for name, partitions in topics:
        out += (string(name, flexible), count(len(partitions), flexible))
        for p in partitions:
            hw = p.high_watermark  # it is the last stable offset too: there are no transactions
            if version >= 5:
                fixed = _FETCHED[5].pack(p.partition, p.error, hw, hw, p.log_start)
            else:
                fixed = _FETCHED[4].pack(p.partition, p.error, hw, hw)
            length = uvarint(len(p.records) + 1) if flexible else _I32.pack(len(p.records))
            out.append(fixed + aborted + replica + length)
            if p.records:
                out.append(p.records)
            if flexible:
                out.append(b"\0")
        out.append(tags(flexible))
    out.append(tags(flexible))
    return out
