"""One view's rows and its place in the log, written together."""

import traceback
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import PurePath

from infra.database import ChangeRefused, ViewStore
from infra.dying import Point, reach
from infra.log.batches import Batch, Fault
from infra.log.cluster import Cluster
from infra.log.reading import Place, Span
from infra.log.topics import RealTopic
from infra.projecting import continuity
from infra.projecting.judging import Judge
from projections import View
from projections.fold import Fold, Held
from schemas.errors import EvctlError
from schemas.record import AnyRecord, Position
from schemas.repeats import asked_of
from schemas.topics import topic

MOST_SOURCES = 10_000
"""Of more sources in a partition, only those that a batch has are in memory."""


class Feed:
    """Applies records to one view, each once, as the one writer of the partitions it has taken."""

    def __init__(self, store: ViewStore) -> None:
        self.store = store
        self.held: dict[Place, Held] = {}
        self._partly = set[Place]()

    @property
    def view(self) -> View:
        """The view that is fed."""
        return self.store.view

    def reads(self, place: Place, namespace: str) -> bool:
        """Whether the view is made from the topic of a partition."""
        return any(topic(name).full_name(namespace) == place[0] for name in self.view.topics)

    def take(
        self, cluster: Cluster, place: Place, real: RealTopic, on_log: Span, above: int = 0
    ) -> int:
        """Become the writer of a partition, and return the offset to read it from.

        A writer from before finds its next batch refused; its epoch is lower, and `above` another
        that is. Raises `LogDiverged` or `LogTruncated`
        where the log is not the one that the rows came from.
        """
        row = self.store.take(*place, real.id, above)
        continuity.check(cluster, place, row, real, on_log)
        waters = self.store.high_waters(*place, most=MOST_SOURCES + 1)
        self.held[place] = Held(row.epoch, row.next_offset, waters)
        self._partly.discard(place)
        return max(row.next_offset, on_log[0])  # a new view begins where the log does

    def drop(self, place: Place) -> None:
        """Stop writing a partition; another instance may take it."""
        self.held.pop(place, None)

    def apply(self, batch: Batch, judge: Judge) -> bool:
        """Write the records that the view has not seen; false if another has become the writer.

        Then not all was written, and `take` has to be called again. What the view can't take in
        goes to the judge, and is passed over if that raises nothing.
        """
        records, passed = batch.records, list[Position]()
        known = judge.known(self.view.name, batch)
        if batch.unreadable or known:
            records, passed = self._sifted(batch, known, judge)
        self._recall(records)
        return self._write(batch, records, passed, judge)

    def _recall(self, records: Iterable[AnyRecord]) -> None:
        """Have the high-waters of the records' sources in memory, which may not have all.

        Each record in quarantine has a source of its own.
        """
        for place, held in self.held.items():
            if len(held.high_waters) > MOST_SOURCES:
                self._partly.add(place)
                held.high_waters.clear()
        asked: dict[Place, set[str]] = {place: set() for place in self._partly & self.held.keys()}
        for record in records if asked else ():
            if record.position[:2] in asked:
                asked[record.position[:2]].update(asked_of(record.provenance))
        for place, names in asked.items():
            waters = self.held[place].high_waters
            waters.update(self.store.high_waters_of(*place, names - waters.keys()))

    def pass_to(self, ends: Mapping[Place, int]) -> bool:
        """Note that nothing more is to be read before these offsets; false as `apply`.

        The markers of transactions stand on the log, and no reader gets them.
        """
        ahead = [p for p, end in ends.items() if p in self.held and self.held[p].next_offset < end]
        if not ahead:
            return True
        fold = Fold(self.view, self.held)
        for place in ahead:
            fold.pass_over(Position(*place, ends[place] - 1))
        return self._store(fold)

    def _sifted(
        self, batch: Batch, known: Collection[Position], judge: Judge
    ) -> tuple[list[AnyRecord], list[Position]]:
        """Return the records to be taken in, and what has to be passed over."""
        name = self.view.name
        bad = [fault for fault in batch.unreadable if self._is_ahead(fault.position)]
        new = [fault for fault in bad if not judge.spares(name, fault)]
        if new:
            judge.refuse(name, new)
        records, passed = [], [fault.position for fault in bad]
        for record in batch.records:
            position = record.position
            if position not in known or not self._is_ahead(position):
                records.append(record)
            elif judge.spares(name, Fault(batch.message_at(position), "")):
                passed.append(position)
            else:
                records.append(record)
        return records, passed

    def _is_ahead(self, position: Position) -> bool:
        held = self.held.get(position[:2])
        return held is not None and position.offset >= held.next_offset

    def _write(
        self,
        batch: Batch,
        records: Sequence[AnyRecord],
        passed: Sequence[Position],
        judge: Judge,
    ) -> bool:
        """Write records in one transaction; where one of them is refused, in several."""
        while faults := self._add(fold := Fold(self.view, self.held), records):
            found = [Fault(batch.message_at(r.position), reason) for r, reason in faults]
            judge.refuse(self.view.name, found)
            bad = {record.position for record, _ in faults}
            records = [record for record in records if record.position not in bad]
            passed = [*passed, *bad]
        for position in passed:
            fold.pass_over(position)
        try:
            return self._store(fold)
        except (ChangeRefused, RowsNotMade) as fault:
            return self._halve(batch, records, passed, judge, fault)

    def _add(self, fold: Fold, records: Iterable[AnyRecord]) -> list[tuple[AnyRecord, str]]:
        """Fold records; return those that the view makes nothing of, each with the reason."""
        held, add, faults = self.held, fold.add, []
        waiting = iter(records)
        record: AnyRecord
        while True:
            try:
                for record in waiting:
                    if record.position[:2] in held:
                        add(record)
            except MemoryError:
                raise
            except Exception as fault:  # noqa: BLE001 whatever a view raises, the others go on
                faults.append((record, said(fault)))
            else:
                return faults

    def _store(self, fold: Fold) -> bool:
        try:
            made = fold.finish()
        except MemoryError:
            raise
        except Exception as fault:  # a column's function, which knows no record
            raise RowsNotMade(said(fault)) from fault
        if not made.spans:
            return True
        reach(Point.BEFORE_COMMIT)
        if not self.store.apply(made):
            return False
        reach(Point.AFTER_COMMIT)
        for span in made.spans:
            self.held[span.topic, span.partition].advance(span)
        return True

    def _halve(
        self,
        batch: Batch,
        records: Sequence[AnyRecord],
        passed: Sequence[Position],
        judge: Judge,
        fault: EvctlError,
    ) -> bool:
        """Write two halves, each by itself, until the record is found that is at fault."""
        if not records:
            raise fault
        if len(records) == 1:
            position = records[0].position
            judge.refuse(self.view.name, [Fault(batch.message_at(position), str(fault))])
            return self._write(batch, [], [*passed, position], judge)
        middle = len(records) // 2
        return self._write(batch, records[:middle], (), judge) and self._write(
            batch, records[middle:], passed, judge
        )


class RowsNotMade(EvctlError):
    """A view's column makes nothing of a value."""

    exit_code = 65


def said(fault: Exception) -> str:
    """Return why a view failed, as one sentence: our own, or the error, and where it was raised."""
    if isinstance(fault, EvctlError):
        return str(fault)
    *_, last = traceback.extract_tb(fault.__traceback__)
    return f"{type(fault).__name__}: {fault} ({PurePath(last.filename).name}:{last.lineno})"
