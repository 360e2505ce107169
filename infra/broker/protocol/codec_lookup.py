"""ListOffsets (1–7), Metadata (0–12), ApiVersions, SASL: packed by hand, all clients ask them."""

from collections.abc import Iterable
from struct import Struct
from typing import NamedTuple
from uuid import UUID

from infra.broker.errors import Code
from infra.broker.protocol.wire import Reader, count, string, tags

_I16 = Struct(">h")
_I32 = Struct(">i")
_NO_ACL = _I32.pack(-(2**31))  # "authorized operations: not asked"
NODE_ID = 1


class OffsetQuery(NamedTuple):
    """A timestamp (ms, or −1 end, −2 start, −3 largest timestamp) to look up in a partition."""

    partition: int
    timestamp: int


class OffsetFound(NamedTuple):
    """The offset of the first record at or after a timestamp (ms); −1 and −1 if there is none."""

    partition: int
    error: int
    timestamp: int = -1
    offset: int = -1


class TopicQuery(NamedTuple):
    """A topic by name, or by id where the name is null."""

    name: str | None
    id: UUID | None


class TopicFound(NamedTuple):
    """What Metadata tells of a topic; no partitions where there is an error."""

    error: int
    name: str | None
    id: UUID
    partitions: int


class Cluster(NamedTuple):
    """The one node of this cluster."""

    id: str
    host: str
    port: int


def read_list_offsets(
    version: int, body: memoryview
) -> tuple[int, list[tuple[str, list[OffsetQuery]]]]:
    """Decode a ListOffsets request; returns the isolation level and what is looked up."""
    r = Reader(body, flexible=version >= 6)
    r.i32()  # replica
    isolation = r.i8() if version >= 2 else 0
    topics = []
    for _ in range(r.count()):
        name, queries = r.string(), []
        for _ in range(r.count()):
            partition = r.i32()
            if version >= 4:
                r.i32()  # leader epoch
            queries.append(OffsetQuery(partition, r.i64()))
            r.skip_tags()
        r.skip_tags()
        topics.append((name, queries))
    return isolation, topics


_FOUND = Struct(">ihqq")


def pack_list_offsets(version: int, topics: list[tuple[str, list[OffsetFound]]]) -> list[bytes]:
    """Encode a ListOffsets response."""
    flexible = version >= 6
    out = [_I32.pack(0)] if version >= 2 else []
    out.append(count(len(topics), flexible))
    for name, found in topics:
        out += (string(name, flexible), count(len(found), flexible))
        for f in found:
            out.append(_FOUND.pack(f.partition, f.error, f.timestamp, f.offset))
            if version >= 4:
                out.append(_I32.pack(0 if f.error == 0 and f.offset >= 0 else -1))
            out.append(tags(flexible))
        out.append(tags(flexible))
    out.append(tags(flexible))
    return out


def read_metadata(version: int, body: memoryview) -> list[TopicQuery] | None:
    """Decode a Metadata request; null means all topics."""
    r = Reader(body, flexible=version >= 9)
    wanted = r.count()
    if wanted < 0 or (version == 0 and wanted == 0):
        return None
    queries = []
    for _ in range(wanted):
        topic_id = r.uuid() if version >= 10 else None
        queries.append(TopicQuery(r.nullable_string(), topic_id))
        r.skip_tags()
    return queries


def pack_metadata(version: int, cluster: Cluster, topics: Iterable[TopicFound]) -> list[bytes]:
    """Encode a Metadata response of one node that leads every partition."""
    flexible = version >= 9
    found = list(topics)
    out = [_I32.pack(0)] if version >= 3 else []
    out += (count(1, flexible), _I32.pack(NODE_ID))
    out += (string(cluster.host, flexible), _I32.pack(cluster.port))
    if version >= 1:
        out.append(string(None, flexible))  # rack
    out.append(tags(flexible))
    if version >= 2:
        out.append(string(cluster.id, flexible))
    if version >= 1:
        out.append(_I32.pack(NODE_ID))  # controller
    out.append(count(len(found), flexible))
    for topic in found:
        out += _pack_topic(version, topic)
    if 8 <= version <= 10:
        out.append(_NO_ACL)
    out.append(tags(flexible))
    return out


def _pack_topic(version: int, topic: TopicFound) -> list[bytes]:
    flexible = version >= 9
    out = [_I16.pack(topic.error)]
    # before version 12 the name can't be null
    out.append(string(topic.name if version >= 12 else topic.name or "", flexible))
    if version >= 10:
        out.append(topic.id.bytes)
    if version >= 1:
        out.append(b"\0")  # not internal
    out.append(count(topic.partitions, flexible))
    alone = count(1, flexible) + _I32.pack(NODE_ID)
    tail = alone + alone  # replicas and replicas in sync
    if version >= 5:
        tail += count(0, flexible)  # offline replicas
    tail += tags(flexible)
    leader = _I32.pack(NODE_ID) + (_I32.pack(0) if version >= 7 else b"")
    no_error = _I16.pack(Code.NONE)
    out += [no_error + _I32.pack(i) + leader + tail for i in range(topic.partitions)]
    if version >= 8:
        out.append(_NO_ACL)
    out.append(tags(flexible))
    return out


_RANGE = Struct(">hhh")


def pack_api_versions(
    version: int, error: int, ranges: Iterable[tuple[int, int, int]]
) -> list[bytes]:
    """Encode an ApiVersions response from (key, lowest, highest)."""
    flexible = version >= 3
    rows = [_RANGE.pack(*row) + tags(flexible) for row in ranges]
    out = [_I16.pack(error), count(len(rows), flexible), *rows]
    if version >= 1:
        out.append(_I32.pack(0))
    out.append(tags(flexible))
    return out


def pack_sasl_handshake(error: int, mechanisms: list[str]) -> list[bytes]:
    """Encode a SaslHandshake response."""
    return [_I16.pack(error), _I32.pack(len(mechanisms)), *(string(m, False) for m in mechanisms)]


def read_sasl_authenticate(version: int, body: memoryview) -> bytes:
    """Decode a SaslAuthenticate request."""
    return bytes(Reader(body, flexible=version >= 2).nullable_bytes() or b"")


def pack_sasl_authenticate(version: int, error: int, message: str | None) -> list[bytes]:
    """Encode a SaslAuthenticate response."""
    flexible = version >= 2
    out = [_I16.pack(error), string(message, flexible), count(0, flexible)]
    if version >= 1:
        out.append(Struct(">q").pack(0))  # the session has no end
    out.append(tags(flexible))
    return out
