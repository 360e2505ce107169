"""What holds where a replay begins: the records with the last known value of everything.

An event says of what it holds, and which values (`holds`, in `schemas.declare`). Of each value two
records stand: the newest by event time, and the last in the log, which is mostly the same one. So
whoever folds them, by time or by the log's order, comes to the state that all records give.

They are found in the log alone: from a list of those that stood at some point (a `Base`, which a
seal keeps) and what came since, or else from the log's beginning.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from operator import attrgetter
from typing import Any, NamedTuple, Protocol

from infra.log import reading
from infra.log.cluster import Cluster
from infra.log.decoding import SCHEMA_FAULTS
from infra.log.errors import UnknownSchema
from infra.log.reading import Message, Place, Span, SpanReader
from infra.log.registry import Decode, Registry
from infra.replay.event_time import EventTimes, first_long
from infra.replay.shapes import shape_of
from infra.windows import Ranges, Window, united
from schemas import avro
from schemas.avro import NotAvro, Schema
from schemas.catalogue import event_class
from schemas.declare import Holds, time_field
from schemas.framing import HEADER_SIZE, NotFramed, schema_id_of
from schemas.record import BadHeaders, Position, from_headers
from schemas.repeats import is_news
from schemas.topics import bare_name, topic

_LOGGER = logging.getLogger("evctl.replay")
_BATCH = 5000
_SHAPES_OF_KEY = 4
"""Records of a key that come in more shapes are decoded."""

_SHAPES = 10_000
"""So many different `holds` are kept before those that others cover are let go."""

Rank = tuple[int, Place, int]
"""A place in the one order of a replay: merge time (µs UTC), partition, offset."""

_Fits = Callable[[bytes], object]
_position: Callable[[tuple[str, int, int]], Position] = partial(tuple.__new__, Position)


Decoder = Callable[[int, Position], tuple[type | None, Decode]]


class Schemas(Protocol):
    """The schemas of a log: `Registry`."""

    def decoder(self, number: int, position: Position) -> tuple[type | None, Decode]: ...
    def schema(self, number: int, position: Position) -> Schema: ...


class _Kind(NamedTuple):
    """What decodes records of a schema and tells their times; the schema, if it is today's."""

    decode: Decode
    time_of: Callable[[Any], int]
    schema: Schema | None


class Base(NamedTuple):
    """The offsets of the records that stood at a point: all that happened before `until` (µs UTC).

    It is of what stands before `closing`; unless it is `whole`, some of that happened later.
    """

    name: str
    until: int
    whole: bool
    closing: Mapping[Place, int]
    offsets: Mapping[Place, Sequence[int]]


class Standing(NamedTuple):
    """A record that holds: when it happened (µs UTC), and its message."""

    time: int
    message: Message


def standing(
    cluster: Cluster,
    registry: Registry,
    window: Window,
    cue: Rank | None = None,
    bases: Iterable[Base] = (),
) -> list[Standing]:
    """Return what holds where a window begins, or at a place in it; each partition in its order.

    Of records that are gone from the log nothing is known, nor of those that do not decode.
    """
    base, ranges = _sought(window, cue, bases)
    played = {name for name, _ in window.ranges}
    places = [p for p in ranges if _has_state(p[0]) and (not played or p[0] in played)]
    on_log = reading.whole(cluster, places)
    spans = {place: _within(ranges[place], on_log[place]) for place in places}
    before, holding, count = Before(window, cue, registry.decoder), Holding(registry), 0
    reader = SpanReader(cluster, spans)
    try:
        while reader.left:
            got = reader.take(_BATCH)
            holding.add(before.of(got))
            count += len(got)
            for place in before.passed:
                reader.left.pop(place, None)
    finally:
        reader.close()
    found = holding.kept()
    since = "the log's beginning" if base is None else base.name
    _LOGGER.debug("%d records hold; %d were read, from %s on", len(found), count, since)
    return found


def _sought(
    window: Window, cue: Rank | None, bases: Iterable[Base]
) -> tuple[Base | None, dict[Place, list[Span]]]:
    """Return the nearest base before a place, and the offsets that have to be read.

    What is read besides is older, and changes nothing.
    """
    ranges = {} if cue is None else window.ranges
    earlier = united(window.earlier(None), ranges)
    usable = [base for base in bases if _is_before(base, window, cue, earlier)]
    if not usable:
        return None, earlier
    base = max(usable, key=lambda base: (base.until, base.whole, sum(base.closing.values())))
    stood = {place: [(n, n + 1) for n in base.offsets.get(place, ())] for place in earlier}
    left_out = {} if base.whole else united(window.earlier(base.until), ranges)
    tail = {
        place: _within(spans, (base.closing.get(place, 0), spans[-1][1]))
        for place, spans in earlier.items()
        if spans
    }
    return base, united(stood, left_out, tail)


def _is_before(base: Base, window: Window, cue: Rank | None, earlier: Ranges) -> bool:
    """Whether all that a base is of comes before a place."""
    time = window.start if cue is None else cue[0]
    if time is not None and base.until > time:
        return False
    if window.start is not None:
        return True
    ends = {place: spans[-1][1] for place, spans in earlier.items() if spans}
    return base.whole and all(base.closing.get(place, 0) <= end for place, end in ends.items())


def _within(spans: Sequence[Span], bounds: Span) -> list[Span]:
    low, high = bounds
    return [(max(first, low), min(end, high)) for first, end in spans if end > low and first < high]


class Before:
    """Tells which records come before a window begins, or before a place in it.

    What is no part of the window is earlier if it happened before the window's start, wherever it
    stands; where that has no start, if it was read at all. What is a part of it has a rank in the
    one order, as `infra.replay.order` has it. `passed` are the partitions without any more.
    """

    def __init__(self, window: Window, cue: Rank | None, decoder: Decoder) -> None:
        self._window, self._cue = window, cue
        self._times = EventTimes(decoder)
        self._inside = self._times.within(None, window.start)
        self._latest: dict[Place, int] = {}
        earlier = window.earlier(None)
        self._ends = {place: spans[-1][1] for place, spans in earlier.items() if spans}
        self.passed = set[Place]()

    def of(self, messages: Sequence[Message]) -> Iterable[Message]:
        """Return those that come before; each partition's messages are given in its order."""
        if self._cue is None:
            return messages if self._window.start is None else filter(self._inside, messages)
        return [message for message in messages if self._is_before(message, self._cue)]

    def _is_before(self, message: Message, cue: Rank) -> bool:
        place, offset = (message.topic(), message.partition()), message.offset()
        time, window = self._times.of(message), self._window
        in_range = any(first <= offset < end for first, end in window.ranges.get(place, ()))
        if not in_range or not window.holds(time):
            return window.start is None or time < window.start
        latest = self._latest[place] = max(time, self._latest.get(place, time))
        comes = (latest, place, offset) < cue
        if not comes and offset >= self._ends.get(place, 0) - 1:
            self.passed.add(place)
        return comes


@cache
def _has_state(full_name: str) -> bool:
    """Whether a topic carries events that hold."""
    events = map(event_class, topic(bare_name(full_name)).events)
    return any(cls.holds is not None for cls in events)


class _Held:
    """What was said of one thing with the same values: the newest, and the last in the log."""

    __slots__ = ("last", "newest")

    def __init__(self, time: int, message: Message) -> None:
        self.newest = self.last = Standing(time, message)

    def add(self, time: int, message: Message) -> None:
        """Take another record."""
        newest, last, offset = self.newest, self.last, message.offset()
        if time > newest[0] or (time == newest[0] and offset > newest[1].offset()):
            self.newest = newest = Standing(time, message)
        if offset > last[1].offset():  # of one key, and so in one partition
            self.last = newest if newest[1] is message else Standing(time, message)


class Holding:
    """Takes records, and keeps those that hold; what is a repeat to every reader does not count.

    Records of a shape that was seen before are not decoded: see `infra.replay.shapes`.
    """

    def __init__(self, schemas: Schemas) -> None:
        self._schemas, self._held = schemas, dict[Holds, _Held]()
        self._kinds: dict[bytes, _Kind | None] = {}
        self._shapes: dict[bytes | None, list[tuple[_Fits, Holds]]] = {}
        self._high_waters: dict[Place, dict[str, int]] = {}
        self._most = _SHAPES

    def add(self, messages: Iterable[Message]) -> None:
        """Take messages, each partition's in its order."""
        held = self._held
        for message in messages:
            found = self._told(message) if self._is_news(message) else None
            if found is None:
                continue
            time, holds = found
            known = held.get(holds)
            if known is None:
                held[holds] = _Held(time, message)
            else:
                known.add(time, message)
        if len(held) > self._most:
            self._let_go()

    def begin_anew(self) -> None:
        """Take messages from now on that are no repeats of those before, whatever their numbers."""
        self._high_waters.clear()

    def _is_news(self, message: Message) -> bool:
        topic, partition = place = message.topic(), message.partition()
        waters = self._high_waters.get(place)
        if waters is None:
            waters = self._high_waters[place] = {}
        try:
            position = _position((topic, partition, message.offset()))
            return is_news(from_headers(message.headers(), position), waters)
        except BadHeaders:
            return False  # a reader of the topic says so

    def _told(self, message: Message) -> tuple[int, Holds] | None:
        """Return when a message happened and what it holds; none if it holds nothing."""
        value, key = message.value() or b"", message.key()
        for fits, holds in self._shapes.get(key, ()):
            if fits(value):
                return first_long(value), holds
        prefix = value[:HEADER_SIZE]
        if prefix not in self._kinds:
            self._kinds[prefix] = self._kind(prefix, message)
        kind = self._kinds[prefix]
        if kind is None:
            return None
        try:
            event = kind.decode(value, HEADER_SIZE)
        except NotAvro:
            return None
        known = self._shapes.setdefault(key, [])
        if kind.schema is not None and len(known) < _SHAPES_OF_KEY:
            shape = shape_of(kind.schema, event, value, HEADER_SIZE)
            known += [] if shape is None else [(shape.fits.fullmatch, shape.holds)]
        return kind.time_of(event), event.holds

    def _kind(self, prefix: bytes, message: Message) -> "_Kind | None":
        """Return what decodes records of a schema, none where they hold nothing."""
        position = Position(message.topic(), message.partition(), message.offset())
        try:
            number = schema_id_of(prefix)
            cls, decode = self._schemas.decoder(number, position)
            written = self._schemas.schema(number, position)
        except (NotFramed, UnknownSchema, *SCHEMA_FAULTS):
            return None
        if cls is None or getattr(cls, "holds", None) is None:
            return None
        todays = avro.schema_of(cls)
        same = avro.fingerprint_of(written) == avro.fingerprint_of(todays)
        return _Kind(decode, attrgetter(time_field(cls)), todays if same else None)

    def _let_go(self) -> None:
        """Keep only what holds, so that values which come in ever other groups take no memory."""
        kept = {id(said.message) for said in self.kept()}
        for holds, known in list(self._held.items()):
            if id(known.newest.message) not in kept and id(known.last.message) not in kept:
                del self._held[holds]
        self._most = max(_SHAPES, 2 * len(self._held))

    def kept(self) -> list[Standing]:
        """Return the records that hold, each partition in its order."""
        of_thing: dict[str, list[tuple[Holds, _Held]]] = {}
        for holds, known in self._held.items():
            of_thing.setdefault(holds[0], []).append((holds, known))
        found: dict[int, Standing] = {}
        for those in of_thing.values():
            newest = [(holds, known.newest) for holds, known in those]
            last = [(holds, known.last) for holds, known in those]
            for said in (*_latest(newest, _age), *_latest(last, _offset)):
                found[id(said.message)] = said
        return sorted(found.values(), key=lambda said: _where(said.message))


def _latest(
    those: Sequence[tuple[Holds, Standing]], rank: Callable[[Standing], Any]
) -> Iterator[Standing]:
    """Yield the highest of what was said of a thing, and for each value the highest that has it."""
    seen = set[str | None]()
    for (_, values), said in sorted(those, key=lambda one: rank(one[1]), reverse=True):
        new = {None, *values} - seen
        if new:
            seen |= new
            yield said


def _age(said: Standing) -> tuple[int, int]:
    return said.time, said.message.offset()


def _offset(said: Standing) -> int:
    return said.message.offset()


def _where(message: Message) -> Position:
    return Position(message.topic(), message.partition(), message.offset())
