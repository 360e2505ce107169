"""A partition's records of a night, counted and digested in stretches.

Each stretch is digested alone, so that a change in one leaves the others' digests as they are and
can be told where it is. What is digested of a record is its id and the bytes of its value.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from infra.log import reading
from infra.log.cluster import Cluster
from infra.log.reading import Message, Place, Span
from infra.log.registry import Registry
from infra.replay.event_time import EventTimes
from infra.sealing.contents import Stretch
from infra.windows import Window
from schemas.framing import NotFramed, schema_id_of
from schemas.record import BadHeaders, Position, from_headers

STRETCH = 1000
"""Records in a stretch; the last of a partition has fewer."""

_BYTES = 16


@dataclass(slots=True)
class Stretches:
    """The stretches of one partition, in the making."""

    done: list[Stretch] = field(default_factory=list)
    schemas: dict[int, Position] = field(default_factory=dict)
    _open: "Digesting | None" = None

    def add(self, message: Message) -> None:
        """Take the night's next record."""
        if self._open is None:
            self._open = Digesting(message.offset())
        self._open.add(message)
        number = _schema_id(message)
        if number is not None and number not in self.schemas:
            self.schemas[number] = position_of(message)
        if self._open.records == STRETCH:
            self._close()

    def _close(self) -> None:
        if self._open is not None:
            self.done.append(self._open.finish())
            self._open = None

    def finish(self) -> tuple[Stretch, ...]:
        """Return all stretches."""
        self._close()
        return tuple(self.done)


class Digesting:
    """One stretch, record by record."""

    __slots__ = ("_digest", "first", "last", "records")

    def __init__(self, first: int) -> None:
        self.first = self.last = first
        self.records = 0
        self._digest = blake2b(digest_size=_BYTES)

    def add(self, message: Message) -> None:
        """Take the next record."""
        value = message.value()
        size = b"\xff\xff\xff\xff" if value is None else len(value).to_bytes(4, "big")
        self._digest.update(_identity(message) + size + (value or b""))
        self.last = message.offset()
        self.records += 1

    def finish(self) -> Stretch:
        """Return the stretch."""
        return Stretch(self.first, self.last, self.records, self._digest.hexdigest())


def digest_of(stretches: Sequence[Stretch]) -> str:
    """Return the digest of a partition: of its stretches' digests, in order."""
    whole = blake2b(digest_size=_BYTES)
    for stretch in stretches:
        whole.update(bytes.fromhex(stretch.digest))
    return whole.hexdigest()


def position_of(message: Message) -> Position:
    """Return where a message stands."""
    return Position(message.topic(), message.partition(), message.offset())


def _identity(message: Message) -> bytes:
    """Return the record's id; of headers that no id can be made of, a digest."""
    headers = message.headers()
    try:
        return from_headers(headers, position_of(message)).id_bytes
    except BadHeaders:
        return blake2b(repr(headers).encode(), digest_size=_BYTES).digest()


def _schema_id(message: Message) -> int | None:
    value = message.value()
    try:
        return schema_id_of(value)
    except NotFramed:
        return None


def of_night(
    cluster: Cluster,
    registry: Registry,
    window: Window,
    spans: Mapping[Place, Sequence[Span]],
    advance: Callable[[int], None],
) -> dict[Place, Stretches]:
    """Return what the spans hold of a window's records, by partition."""
    inside = EventTimes(registry.decoder).within(window.start, window.end)
    found: dict[Place, Stretches] = {}
    for batch in reading.messages(cluster, spans):
        for message in filter(inside, batch):
            place = message.topic(), message.partition()
            stretches = found.get(place)
            if stretches is None:
                stretches = found[place] = Stretches()
            stretches.add(message)
        advance(len(batch))
    return found
