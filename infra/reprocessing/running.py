"""Services and views over a part of the log, in one pass and one process."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

from consumers import Service
from infra.database import Database, ViewStore
from infra.log import reading, topics
from infra.log.batches import Batch, Decoding
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.reading import Message, Place
from infra.log.registry import Registry
from infra.projecting.judging import Judge
from infra.reprocessing.concluding import Concluding
from infra.reprocessing.part import Part
from infra.reprocessing.tables import Tables
from infra.serving.comparing import Comparison
from infra.serving.redeciding import Redeciding
from infra.signals import Stop
from infra.steady import unhurried
from infra.windows import places_of
from projections import View
from schemas.topics import topic

_BATCH = 10_000
_BYTES = 8 << 20
"""Of values that are decoded and folded at once; a larger one is alone."""


class Stopped(Exception):
    """The user ended a run; there is no file of it."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be gone through again.

    `settings` are those of each service that are to be in force instead of the recorded ones;
    so many `differences` of decisions are kept to be shown.
    """

    part: Part
    views: Sequence[View]
    services: Sequence[Service[object]]
    settings: Mapping[str, Mapping[str, str]]
    differences: int


@dataclass(slots=True)
class Done:
    """What was gone through: records of the part, those read in all, in how many s."""

    records: int
    read: int
    seconds: float
    comparison: Comparison
    stores: Sequence[ViewStore]
    settings: Mapping[str, Mapping[str, str]]
    """Those that each service had at the end."""


class Reprocessing:
    """One run; making it says how much there is `to_read`."""

    def __init__(self, cluster: Cluster, registry: Registry, wish: Wish) -> None:
        self.cluster, self.registry, self.wish = cluster, registry, wish
        self._ranges = wish.part.ranges
        self._seats = [
            (service, place) for service in wish.services for place in self._inputs(service)
        ]
        self.spans = {place: list(spans) for place, spans in self._ranges.items()}
        for _, place in self._seats:
            self.spans[place] = [(wish.part.ends[place][0], self._ranges[place][-1][1])]

    @property
    def to_read(self) -> int:
        """How many records are read: for services, from the log's beginning."""
        return sum(end - start for spans in self.spans.values() for start, end in spans)

    def _inputs(self, service: Service[object]) -> Sequence[Place]:
        wanted = [topic(name) for name in service.reads]
        return [place for place in places_of(self.cluster, wanted) if place in self._ranges]

    def run(
        self, database: Database, judge: Judge, stop: Stop, advance: Callable[[int], None]
    ) -> Done:
        """Fill the tables in the database; raise `Stopped` if that was asked for before the end."""
        judge.refresh()
        wish, decoder = self.wish, Decoder(self.registry)
        tables = Tables(database, wish.views, self.cluster.namespace, judge)
        comparison = Comparison(wish.differences)
        seats = [
            Redeciding(self.cluster, decoder, service, place, wish.settings.get(service.name))
            for service, place in self._seats
        ]
        concluding = Concluding(seats, wish.part.holds, judge, comparison)
        begun = monotonic()
        try:
            counts = self._read(concluding, tables, stop, advance)
        finally:
            for seat in seats:
                seat.close()
        real = topics.describe(self.cluster, sorted({name for name, _ in self._ranges}))
        tables.finish(real, self._ranges, concluding.high_waters)
        in_force = {seat.name: seat.settings for seat in seats}
        return Done(*counts, monotonic() - begun, comparison, tables.stores, in_force)

    def _read(
        self,
        concluding: Concluding,
        tables: Tables,
        stop: Stop,
        advance: Callable[[int], None],
    ) -> tuple[int, int]:
        decoding, records, read = Decoding(self.registry), 0, 0
        batch = Batch((), ())
        with unhurried():
            for messages in reading.messages(self.cluster, self.spans, batch=_BATCH):
                for some in portions(messages):
                    batch = decoding.batch(some)
                    if batch.unreadable:
                        tables.refuse([f for f in batch.unreadable if self._has(f.position)])
                    given = concluding.take(batch)
                    if given:
                        tables.add(batch, given)
                    records += len(given)
                read += len(messages)
                advance(len(messages))
                if stop.requested:
                    raise Stopped
            left = concluding.left()
            if left:
                tables.add(batch, left)
        return records + len(left), read

    def _has(self, position: tuple[str, int, int]) -> bool:
        spans = self._ranges.get(position[:2], ())
        return any(start <= position[2] < end for start, end in spans)


def portions(messages: Sequence[Message], most: int = _BYTES) -> Iterator[Sequence[Message]]:
    """Yield the messages in runs of at most so many bytes, or of one."""
    start = size = 0
    for at, message in enumerate(messages):
        size += len(message)
        if size > most and at > start:
            yield messages[start:at]
            start, size = at, len(message)
    if start < len(messages):
        yield messages[start:]
