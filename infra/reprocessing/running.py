"""Services and views over a part of the log, in one pass and one process."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from time import monotonic
from typing import Any

from consumers import Service
from infra.database import Database, ViewStore
from infra.log import reading, topics
from infra.log.batches import Batch, Decoding
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.reading import Message
from infra.log.registry import Registry
from infra.projecting.judging import Judge
from infra.reprocessing.beginning import begin
from infra.reprocessing.concluding import Concluding
from infra.reprocessing.part import Part
from infra.reprocessing.tables import Tables
from infra.serving.comparing import Comparison
from infra.serving.shelved import Shelved
from infra.signals import Stop
from infra.steady import unhurried
from infra.windows import EmptyWindow
from projections import View
from schemas.record import AnyRecord

_BATCH = 10_000
_BYTES = 8 << 20
"""Of values that are read, decoded and folded at once."""

_USUAL = 64 << 10
"""Bytes that a value is taken to have at the most, until a larger one comes."""


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
    services: Sequence[Service[Any]]
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
    settings: Mapping[str, str]
    """Digest of those that each service had at the end."""


class Reprocessing:
    """One run; making it finds out where services begin, and how much there is `to_read`.

    Close it when done.
    """

    def __init__(self, cluster: Cluster, registry: Registry, wish: Wish, shelved: Shelved) -> None:
        self.cluster, self.registry, self.wish = cluster, registry, wish
        self._ranges = wish.part.ranges
        self._begun = begin(
            cluster, Decoder(registry), wish.services, wish.settings, shelved, self._ranges
        )
        self.spans = {place: list(spans) for place, spans in self._ranges.items()}
        for place, start in self._begun.starts.items():
            self.spans[place] = [(start, self._ranges[place][-1][1])]

    @property
    def to_read(self) -> int:
        """How many records are read: for services, also what is before and between."""
        return sum(end - start for spans in self.spans.values() for start, end in spans)

    def close(self) -> None:
        """Leave the log."""
        self._begun.close()

    def run(
        self, database: Database, judge: Judge, stop: Stop, advance: Callable[[int], None]
    ) -> Done:
        """Fill the tables in the database.

        Raises `EmptyWindow`, and `Stopped` if that was asked for before the end.
        """
        judge.refresh()
        wish, begun = self.wish, monotonic()
        tables = Tables(database, wish.views, self.cluster.namespace, judge)
        comparison = Comparison(wish.differences)
        concluding = Concluding(self._begun, wish.part.holds, judge, comparison)
        records, read = self._read(concluding, tables, stop, advance)
        if not records and not wish.part.nights:
            raise EmptyWindow(wish.part.name, wish.part.log_has)
        real = topics.describe(self.cluster, sorted({name for name, _ in self._ranges}))
        tables.finish(real, self._ranges, concluding.high_waters)
        in_force = {seat.name: seat.settings for seat in self._begun.seats}
        taken = monotonic() - begun
        return Done(records, read, taken, comparison, tables.stores, in_force)

    def _read(
        self,
        concluding: Concluding,
        tables: Tables,
        stop: Stop,
        advance: Callable[[int], None],
    ) -> tuple[int, int]:
        decoding, records, read = Decoding(self.registry), 0, 0
        batch, left = Batch((), ()), list[AnyRecord]()
        reader = reading.SpanReader(self.cluster, self.spans)
        with unhurried(), closing(reader):
            for messages in portions(reader.take, lambda: bool(reader.left)):
                batch = decoding.batch(messages)
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


def portions(
    take: Callable[[int], list[Message]],
    more: Callable[[], bool],
    most: int = _BATCH,
    most_bytes: int = _BYTES,
) -> Iterator[list[Message]]:
    """Yield what `take` returns, of at most so many, in portions, while there is `more`.

    A portion is larger than `most_bytes` only by values larger than all before them.
    """
    largest = _USUAL
    while more():
        got: list[Message] = []
        size = 0
        while True:
            new = take(max(1, min(most - len(got), (most_bytes - size) // largest)))
            got += new
            size += sum(map(len, new))
            largest = max((largest, *map(len, new)))
            if not new or not more() or len(got) >= most or size + largest > most_bytes:
                break
        if got:
            yield got
