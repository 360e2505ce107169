"""A poll batch folded into what is written in one transaction: rows, and how far it was read.

Pure: a batch is a function of the records and of what the reader holds of their partitions.
"""

from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from projections import Change, View
from projections.columns import MAX_SOURCE
from projections.limits import Limits, RecordDoesNotFit
from projections.merging import Merging, Statement
from schemas.record import AnyRecord, Position
from schemas.repeats import STOOD, epoch_line, goes_by_id, has_stood, stand, standing_line

__all__ = ["Fold", "FoldedBatch", "Held", "Partition", "RecordDoesNotFit", "Rows", "Span"]

Partition: TypeAlias = tuple[str, int]
"""A topic (with namespace) and the number of one of its partitions."""


@dataclass(slots=True)
class Held:
    """What a reader holds of a partition: the epoch it took, how far it read, and of whom.

    `high_waters` is the highest seq applied of each source.
    """

    epoch: int
    next_offset: int
    high_waters: dict[str, int] = field(default_factory=dict)

    def advance(self, span: "Span") -> None:
        """Take over what was written."""
        self.next_offset = span.end
        self.high_waters.update(span.high_waters)


class Span(NamedTuple):
    """The offsets from `start` up to but without `end` that a batch takes a partition on.

    `last` is the last record applied; its id is compared with the log when a reader starts.
    """

    topic: str
    partition: int
    epoch: int
    start: int
    end: int
    last: AnyRecord | None
    high_waters: Mapping[str, int]


class FoldedBatch(NamedTuple):
    """What one transaction writes, and how many records it is of; repeats changed nothing."""

    spans: tuple[Span, ...]
    statements: tuple[Statement, ...]
    applied: int
    repeats: int


class _Reading:
    """One partition within the batch."""

    __slots__ = ("end", "held", "high_waters", "last", "stood")

    def __init__(self, held: Held) -> None:
        self.held = held
        self.end = held.next_offset
        self.high_waters: dict[str, int] = {}
        self.last: AnyRecord | None = None
        self.stood = STOOD in held.high_waters

    def high_water(self, source: str) -> int:
        """Return the highest seq of a source, −1 if there is none."""
        found = self.high_waters.get(source)
        return self.held.high_waters.get(source, -1) if found is None else found

    @property
    def waters(self) -> ChainMap[str, int]:
        """The high-waters of the batch over those that are held."""
        return ChainMap(self.high_waters, self.held.high_waters)


class Rows:
    """What some records change in a view's rows, whoever has read them."""

    def __init__(self, view: View) -> None:
        self._project = view.project
        self._tables = {table: (Limits(table), Merging(table)) for table in view.tables}
        self._only = next(iter(self._tables.values())) if len(self._tables) == 1 else None

    def add(self, record: AnyRecord) -> None:
        """Fold a record that adds something; if the view raises, nothing was changed."""
        changes = self._project(record)
        if self._only is not None:
            limits, merging = self._only
            stage, of_row = merging.stage, limits.of_row
            for change in changes:
                if of_row or change[1] not in stage:
                    limits.check(change, record.position)
            merging.add(changes)
        else:
            self._add_to_several(changes, record.position)

    def _add_to_several(self, changes: Sequence[Change], position: Position) -> None:
        tables = self._tables
        for change in changes:
            limits, merging = tables[change[0]]
            if limits.of_row or change[1] not in merging.stage:
                limits.check(change, position)
        for change in changes:
            tables[change[0]][1].add((change,))

    def statements(self) -> Iterator[Statement]:
        """Yield what has to be written."""
        for _, merging in self._tables.values():
            yield from merging.statements()


class Fold:
    """One batch of one view in the making; `held` has every partition that is read."""

    def __init__(self, view: View, held: Mapping[Partition, Held]) -> None:
        self._rows = Rows(view)
        self._held = held
        self._readings: dict[Partition, _Reading] = {}
        self.applied = 0
        self.repeats = 0

    def add(self, record: AnyRecord) -> None:
        """Fold the next record of its partition, whose offset may be any beyond the last one's.

        What stands before the reader's offset, or adds nothing (`schemas.repeats`), changes
        nothing. When the view raises, or a text is too long (`RecordDoesNotFit`), nothing was
        changed either, and the record can be passed over.
        """
        topic, partition, offset = record.position
        reading = self._readings.get((topic, partition)) or self._open((topic, partition))
        if offset < reading.end:
            self.repeats += 1
            return
        source, seq, _, _, epoch, _, standing = record.provenance
        known = reading.high_waters.get(source)
        if known is None:
            known = reading.held.high_waters.get(source)
            if known is None and len(source) > MAX_SOURCE:
                raise RecordDoesNotFit(record.position, "its source", source, MAX_SOURCE)
        if (known is not None and seq <= known and not goes_by_id(record.provenance)) or (
            reading.stood and has_stood(record.provenance, reading.waters)
        ):
            self.repeats += 1
        elif standing:
            self._stand(record, reading)
        elif epoch is not None and epoch < reading.high_water(epoch_line(source)):
            self.repeats += 1
        else:
            self._rows.add(record)
            self.applied += 1
            reading.high_waters[source] = seq
            reading.last = record
        reading.end = offset + 1

    def _stand(self, record: AnyRecord, reading: _Reading) -> None:
        """Apply a record that a replay carries from before its start."""
        source = record.provenance.source
        if len(standing_line(source)) > MAX_SOURCE:
            raise RecordDoesNotFit(record.position, "its source", source, MAX_SOURCE)
        self._rows.add(record)
        self.applied += 1
        stand(record.provenance, reading.waters)
        reading.stood, reading.last = True, record

    def pass_over(self, position: Position) -> None:
        """Read on beyond a record that is not applied: quarantined, or dropped."""
        key = position.topic, position.partition
        reading = self._readings.get(key) or self._open(key)
        reading.end = max(reading.end, position.offset + 1)

    def _open(self, partition: Partition) -> _Reading:
        reading = self._readings[partition] = _Reading(self._held[partition])
        return reading

    def finish(self) -> FoldedBatch:
        """Return the batch; once it is written, `Held.advance` each of its spans."""
        spans = (
            Span(*partition, r.held.epoch, r.held.next_offset, r.end, r.last, r.high_waters)
            for partition, r in sorted(self._readings.items())
            if r.end > r.held.next_offset
        )
        statements = tuple(self._rows.statements())
        return FoldedBatch(tuple(spans), statements, self.applied, self.repeats)
