"""Produce (3–9) and Fetch (4–12) packed by hand: the two requests that carry the records."""

from collections.abc import Sequence
from operator import itemgetter
from struct import Struct
from typing import NamedTuple, TypeAlias

from infra.broker.errors import Code, MalformedFrame
from infra.broker.protocol.wire import Reader, count, string, tags, uvarint
from infra.broker.storage.aborted import Aborted

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


FetchRow: TypeAlias = tuple[int, int, int]
"""One partition of a fetch: its index, the offset, and the most bytes that may be its part."""


class FetchRequest(NamedTuple):
    """What a consumer asks for."""

    max_wait_ms: int
    min_bytes: int
    max_bytes: int
    isolation: int
    topics: list[tuple[str, list[FetchRow]]]


class Fetched(NamedTuple):
    """The answer for one partition."""

    partition: int
    error: int
    high_watermark: int = -1
    last_stable: int = -1
    log_start: int = -1
    records: bytes = b""
    aborted: Sequence[Aborted] = ()


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


# Of each row: index, offset, most bytes; the rest is for replicas, and from 12 on tagged fields.
_FETCH_ROW = {
    4: Struct(">iqi"),
    5: Struct(">iq8xi"),
    9: Struct(">i4xq8xi"),
    12: Struct(">i4xq12xib"),
}


_TAGS, _UNTAGGED = itemgetter(3), itemgetter(0, 1, 2)


def read_fetch(version: int, body: memoryview) -> FetchRequest:
    """Decode a Fetch request; sessions are not kept, so that every request lists all partitions."""
    r = Reader(body, flexible=version >= 12)
    _replica, max_wait, min_bytes, max_bytes = r.i32(), r.i32(), r.i32(), r.i32()
    isolation = r.i8()
    if isolation not in {0, 1}:
        raise MalformedFrame(f"isolation level {isolation}, known are 0 and 1")
    if version >= 7:
        r.view(8)  # session id and epoch
    row = _FETCH_ROW[max(v for v in _FETCH_ROW if v <= version)]
    topics = []
    for _ in range(r.count()):
        name = r.string()
        rows = r.view(r.count() * row.size)
        partitions = list(row.iter_unpack(rows))
        if version >= 12:
            if any(map(_TAGS, partitions)):
                raise MalformedFrame("a tagged field in a partition of a fetch")
            partitions = list(map(_UNTAGGED, partitions))
        r.skip_tags()
        topics.append((name, partitions))
    return FetchRequest(max_wait, min_bytes, max_bytes, isolation, topics)


_FETCHED = {4: Struct(">ihqq"), 5: Struct(">ihqqq")}
_FETCH_HEAD = Struct(">ihi")


class FetchPacking:
    """Packs a Fetch response of one version piece by piece; the records stay as they are."""

    def __init__(self, version: int, isolation: int) -> None:
        self.key = (version << 1) | isolation
        """Rows without records that are packed for one key are good for it."""
        self._flexible = version >= 12
        self._has_head = version >= 7
        self._has_start = version >= 5
        self._replica = _I32.pack(-1) if version >= 11 else b""
        self._after_offsets = count(0 if isolation else -1, self._flexible) + self._replica

    def begin(self, topics: int) -> list[bytes]:
        """Return the start of a response about so many topics."""
        head = _FETCH_HEAD.pack(0, Code.NONE, 0) if self._has_head else _I32.pack(0)
        return [head, count(topics, self._flexible)]

    def topic(self, out: list[bytes], name: str, rows: int) -> None:
        """Begin a topic with so many rows."""
        out += (string(name, self._flexible), count(rows, self._flexible))

    def row(self, out: list[bytes], p: Fetched) -> None:
        """Pack the answer for one partition."""
        ends = p.high_watermark, p.last_stable
        if self._has_start:
            fixed = _FETCHED[5].pack(p.partition, p.error, *ends, p.log_start)
        else:
            fixed = _FETCHED[4].pack(p.partition, p.error, *ends)
        size = len(p.records)
        length = uvarint(size + 1) if self._flexible else _I32.pack(size)
        after_offsets = self._after_offsets
        if p.aborted:
            after_offsets = _aborted(p.aborted, self._flexible) + self._replica
        out.append(fixed + after_offsets + length)
        if size:
            out.append(p.records)
        self.end(out)

    def end(self, out: list[bytes]) -> None:
        """End a row, a topic or the response."""
        if self._flexible:
            out.append(b"\0")


_ABORTED = Struct(">qq")


def _aborted(transactions: Sequence[Aborted], flexible: bool) -> bytes:
    end = tags(flexible)
    rows = (_ABORTED.pack(a.producer_id, a.first_offset) + end for a in transactions)
    return count(len(transactions), flexible) + b"".join(rows)
