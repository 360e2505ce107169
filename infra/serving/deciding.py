"""A service at its seat: one input partition, its state, and the events that follow."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from consumers import Service
from infra.dying import Point, reach
from infra.log.reading import Place
from infra.serving.keeping import Kept
from infra.serving.outputs import reason
from infra.serving.recorded import Recorded, provenance_of
from schemas import avro
from schemas.declare import time_field
from schemas.events.services import DecisionFailed, ServiceTookOver
from schemas.record import INDEX_BITS, AnyRecord, Provenance, Record
from schemas.topics import bare_name

MAX_EFFECTS = 1 << INDEX_BITS
_LOGGER = logging.getLogger("evctl.serving")
S = TypeVar("S")


class Sink(Protocol):
    """Takes what is decided: `outputs.Outputs`, which appends it to the log.

    It takes an event as it was `encoded`, which raises for one that the log would refuse.
    """

    def encoded(self, event: Any) -> Any: ...
    def send(self, event: Any, provenance: Provenance) -> None: ...
    def place_of(self, event: Any) -> Place: ...


class Decider(Generic[S]):
    """Folds the records of one partition, and sends what the service decides from them.

    A record's effects that are `recorded` are adopted as they stand; those of its effects that
    the log lacks are decided and sent. Records below `decides_from` have recorded effects only.
    """

    def __init__(
        self,
        service: Service[S],
        source: str,
        epoch: int,
        decides_from: int,
        outputs: Sink,
        kept: Kept | None,
    ) -> None:
        self._service, self._source, self._epoch = service, source, epoch
        self.decides_from, self._outputs = decides_from, outputs
        layout: type = type(service.initial)
        self._write = avro.writer(layout)
        read = avro.reader(avro.schema_of(layout), layout)
        self.state: S = service.initial if kept is None else read(kept.state, 0)

    def is_own(self, record: AnyRecord) -> bool:
        """Whether the service itself wrote a record: such are no input.

        But for what it had decided before a replay's start, which is a part of the state there.
        """
        event, provenance = record.event, record.provenance
        if provenance.standing:
            return False
        if isinstance(event, ServiceTookOver):
            return event.service == self._service.name
        if provenance.cause is None:
            return False
        return provenance.source.partition("/")[0] == self._service.name

    def handle(self, record: AnyRecord, recorded: Recorded | None = None) -> None:
        """Fold a record and what is decided from it; send what the log does not have of that.

        One from before a replay's start is only folded: about that was decided then.
        """
        if record.standing:
            self._adopt(record)
            return
        offset = record.position.offset
        found = recorded.take(offset) if recorded is not None else []
        # causes that the log does not have any more, or that were written twice
        self.state = self._folded(self.state, [one.record for one in found if one.cause < offset])
        there = {
            one.number: one.record._replace(position=record.position)
            for one in found
            if one.cause == offset
        }
        events, self.state = self._step(record, there, recorded)
        if events:
            reach(Point.BEFORE_PRODUCE)
        for index, encoded in events:
            self._outputs.send(encoded, self._provenance(record, index))

    def state_bytes(self) -> bytes:
        """Return the state for a snapshot."""
        return self._write(self.state)

    def opening(self, now: int) -> Any | None:
        """Return what the service says when it begins, at `now` (µs UTC)."""
        return None if self._service.opening is None else self._service.opening(self.state, now)

    def closing(self, now: int) -> Any | None:
        """Return what the service says when it was asked to end."""
        return None if self._service.closing is None else self._service.closing(self.state, now)

    def _adopt(self, record: AnyRecord) -> None:
        try:
            self.state = self._service.evolve(self.state, record)
        except MemoryError:
            raise
        except Exception:
            _LOGGER.exception("%s makes nothing of %s", self._service.name, record.position)

    def _step(
        self, record: AnyRecord, there: Mapping[int, AnyRecord], recorded: Recorded | None
    ) -> tuple[Sequence[tuple[int, Any]], S]:
        """Return what is to be sent, by index, and the state after it.

        All of it is encoded first: what can't be is a fault of the service like any other.
        """
        if any(isinstance(one.event, DecisionFailed) for one in there.values()):
            return [], self.state
        try:
            new = self._decided(record, there, recorded)
            state = self._service.evolve(self.state, record)
            if not new and not there:
                return new, state
            effects = {index: self._as_record(record, index, event) for index, event in new}
            effects.update(there)
            encoded = [(index, self._outputs.encoded(event)) for index, event in new]
            return encoded, self._folded(state, [effects[index] for index in sorted(effects)])
        except MemoryError:
            raise
        except Exception as fault:
            _LOGGER.exception("%s can't decide about %s", self._service.name, record.position)
            failed = self._failure(record, fault)
            is_new = not there and self._is_missing(record, 0, failed, recorded)
            return [(0, self._outputs.encoded(failed))] if is_new else [], self.state

    def _decided(
        self, record: AnyRecord, there: Mapping[int, AnyRecord], recorded: Recorded | None
    ) -> Sequence[tuple[int, Any]]:
        if record.position.offset < self.decides_from:
            return []
        events = list(enumerate(self._service.decide(self.state, record)))
        if len(events) > MAX_EFFECTS:
            raise OverflowError(f"{len(events)} events from one record, of {MAX_EFFECTS} at most")
        if recorded is None:
            return events
        return [
            (index, event)
            for index, event in events
            if index not in there and self._is_missing(record, index, event, recorded)
        ]

    def _is_missing(
        self, record: AnyRecord, index: int, event: Any, recorded: Recorded | None
    ) -> bool:
        offset = record.position.offset
        if offset < self.decides_from:
            return False
        return recorded is None or recorded.lacks(self._outputs.place_of(event), offset, index)

    def _folded(self, state: S, records: Sequence[AnyRecord]) -> S:
        evolve: Callable[[S, AnyRecord], S] = self._service.evolve
        for record in records:
            state = evolve(state, record)
        return state

    def _as_record(self, cause: AnyRecord, index: int, event: Any) -> AnyRecord:
        time: int = getattr(event, time_field(type(event)))
        provenance = self._provenance(cause, index)
        return Record(event, provenance, event.record_key, time, cause.position)

    def _provenance(self, cause: AnyRecord, index: int) -> Provenance:
        return provenance_of(self._source, self._epoch, cause, index)

    def _failure(self, record: AnyRecord, fault: Exception) -> DecisionFailed:
        topic, partition, offset = record.position
        return DecisionFailed(
            record.time, self._service.name, bare_name(topic), partition, offset, reason(fault)
        )
