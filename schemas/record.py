"""The envelope: an event, who said it, when, and where it stands in the log.

On the wire the value is the Avro event alone; the rest travels in at most six headers, short
because a TCS event has about 140 bytes:

| header     | value                              | present                               |
|------------|------------------------------------|---------------------------------------|
| `src`      | `SOURCE:SEQ`, ASCII                | always                                |
| `id`       | 16 bytes, a UUID                   | only where it can't be derived        |
| `cause`    | 16 bytes, the id of the cause      | decided events                        |
| `epoch`    | decimal, of the service's instance | decided events, a service's settings  |
| `replay`   | the replay's id, ASCII             | records that a replay carried         |
| `standing` | `1`                                | records from before a replay's start  |
"""

from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha1
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from schemas.errors import EvctlError

NAMESPACE = UUID("6f2f1e5a-3c57-5d0b-9c1e-3d1f6f3f0b11")
"""The UUID namespace of record ids; changing it would change every id."""

_NAMESPACE_BYTES = NAMESPACE.bytes

INDEX_BITS = 16
"""A decided event's seq is its cause's offset, then in so many bits its index among the effects."""

Headers = Sequence[tuple[str, bytes]]

STANDING = "standing", b"1"
"""The header of a record that a replay carries from before its start."""

_E = TypeVar("_E")


class BadHeaders(EvctlError):
    """A record's headers are not ours to read."""

    def __init__(self, header: str, value: bytes, wanted: str) -> None:
        super().__init__(f"The header {header!r} is {value!r}, not {wanted}.")


class Position(NamedTuple):
    """Where a record stands: topic (with namespace), partition, offset."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        """Return the notation of every message: `topic[partition]@offset`."""
        return f"{self.topic}[{self.partition}]@{self.offset}"


class Provenance(NamedTuple):
    """Who said a record: the headers, before there is a position.

    `seq` rises within (source, partition). `given_id` is the id of an imported record that kept
    its own. `cause` is the id of the record a decision rests on, and `source` then names the
    service and its input partition. `standing` marks what a replay carries from before the point
    where it begins: it holds there, and is no news.
    """

    source: str
    seq: int
    given_id: UUID | None = None
    cause: UUID | None = None
    epoch: int | None = None
    replay: str | None = None
    standing: bool = False

    @property
    def id_bytes(self) -> bytes:
        """The record's id: given, or of (cause, service, index), or of (source, seq); 16 bytes."""
        if self.given_id is not None:
            return self.given_id.bytes
        if self.cause is not None:
            service = self.source.partition("/")[0]
            index = self.seq & ((1 << INDEX_BITS) - 1)
            return _derived(self.cause.bytes, f"{service}:{index}".encode())
        return _derived(_NAMESPACE_BYTES, f"{self.source}:{self.seq}".encode())


_provenance: Callable[[tuple[Any, ...]], Provenance] = partial(tuple.__new__, Provenance)
"""Half the time of `Provenance(…)`, which is made for each record read."""


class Record(NamedTuple, Generic[_E]):
    """An event as it stands in the log. Two records are one if their ids are equal.

    A named tuple, because one is made for each event read: a frozen dataclass costs twice as much.
    """

    event: _E
    provenance: Provenance
    key: str | None
    time: int
    """When it happened: µs since 1970-01-01 UTC."""
    position: Position

    @property
    def id(self) -> UUID:
        """The record's identity, the same in every log and replay."""
        return UUID(bytes=self.provenance.id_bytes)

    @property
    def standing(self) -> bool:
        """Whether a replay carries it from before the point where it begins: see `Provenance`."""
        return self.provenance.standing


def _derived(namespace: bytes, name: bytes) -> bytes:
    """Return a name's UUID version 5 (RFC 9562 §5.5), 16 bytes: `uuid.uuid5` takes 3x as long."""
    digest = bytearray(sha1(namespace + name, usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return bytes(digest)


def reported(source: str, seq: int) -> list[tuple[str, bytes]]:
    """Return the headers of a record of which nothing more is to be said than who numbered it."""
    return [("src", f"{source}:{seq}".encode())]


def to_headers(provenance: Provenance) -> list[tuple[str, bytes]]:
    """Return the Kafka headers of a record."""
    headers = reported(provenance.source, provenance.seq)
    if provenance.given_id is not None:
        headers.append(("id", provenance.given_id.bytes))
    if provenance.cause is not None:
        headers.append(("cause", provenance.cause.bytes))
    if provenance.epoch is not None:
        headers.append(("epoch", str(provenance.epoch).encode()))
    if provenance.replay is not None:
        headers.append(("replay", provenance.replay.encode()))
    if provenance.standing:
        headers.append(STANDING)
    return headers


def from_headers(headers: Headers | None, position: Position) -> Provenance:
    """Return what the headers of a record at `position` say; raise `BadHeaders`.

    A record without `src` was written by a foreign client: its source is the partition and its
    seq the offset, which are as unique.
    """
    given: dict[str, bytes] = {}
    src: bytes | None
    if headers is not None and len(headers) == 1 and headers[0][0] == "src":
        src = headers[0][1]  # nearly every record
    else:
        given = dict(headers) if headers else {}
        src = given.get("src")
    if src is None:
        source, seq = f"{position.topic}/{position.partition}", position.offset
    else:
        name, _, number = src.rpartition(b":")
        try:
            source, seq = name.decode(), int(number)
        except ValueError:
            raise BadHeaders("src", src, "SOURCE:SEQ") from None
    if not given:
        return _provenance((source, seq, None, None, None, None, False))
    epoch, replay = given.get("epoch"), given.get("replay")
    return Provenance(
        source,
        seq,
        _uuid(given, "id"),
        _uuid(given, "cause"),
        None if epoch is None else _integer("epoch", epoch),
        None if replay is None else replay.decode(errors="replace"),
        STANDING[0] in given,
    )


def _uuid(given: dict[str, bytes], header: str) -> UUID | None:
    value = given.get(header)
    if value is None:
        return None
    if len(value) != 16:
        raise BadHeaders(header, value, "the 16 bytes of a UUID")
    return UUID(bytes=value)


def _integer(header: str, value: bytes) -> int:
    try:
        return int(value)
    except ValueError:
        raise BadHeaders(header, value, "a decimal number") from None


AnyRecord = Record[Any]
