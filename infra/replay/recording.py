"""A recording of a night put on a tape: what an import would write, without importing it.

Ids, keys, values and timestamps are those of an import of the same file, and so are the tables.
"""

from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from typing import Any
from uuid import UUID

from infra.importing import EventTooLarge, source_of
from infra.log.errors import RecordTooLarge
from infra.log.registry import Registry
from infra.log.writing import ENVELOPE
from infra.overlaps import TwoUnderOneId
from infra.replay.kept import Kept, Parts
from infra.replay.standing import Holding
from infra.replay.tape import Tape
from producers import Entry, Recording
from producers.identity import event_digest
from schemas import avro, framing
from schemas.errors import EvctlError
from schemas.events.tcs import TcsEvent
from schemas.record import Provenance, to_headers
from schemas.topics import OBSERVATORY

_STEP = 2048


class NothingWanted(EvctlError):
    """A recording has nothing of what was asked for."""

    exit_code = 66

    def __init__(self, recording: str, events: int) -> None:
        super().__init__(
            f"{recording} has {events:,} event{'' if events == 1 else 's'}, and none that was "
            "asked for: look at --from, --until, --topics and --exclude."
        )
        self.recording, self.events = recording, events


class UnknownOrder(EvctlError):
    """Nothing can be sorted so."""

    exit_code = 2

    def __init__(self, text: str) -> None:
        super().__init__(f"Nothing is sorted by {text!r}; known: {', '.join(SortBy)}.")
        self.text = text


class SortBy(StrEnum):
    """Which time of an event puts a recording in order."""

    NONE = "none"
    DATA_TIME = "data-time"
    WIRE_TIME = "wire-time"

    @classmethod
    def of(cls, text: str) -> "SortBy":
        """Return what a text names, in OCD's spelling (`__wire_time`), too."""
        try:
            return cls(text.removeprefix("__").replace("_", "-"))
        except ValueError:
            raise UnknownOrder(text) from None

    def time_of(self, event: Any, otherwise: int) -> int:
        """Return an event's time by which it is sorted (µs UTC); `otherwise` if it has no such."""
        if self is SortBy.WIRE_TIME and isinstance(event, TcsEvent):
            return event.wire_time
        return otherwise


class Taping:
    """Puts the events of a recording on a tape."""

    def __init__(
        self, recording: Recording, registry: Registry, namespace: str, sort: SortBy
    ) -> None:
        self._recording, self._registry, self._sort = recording, registry, sort
        self.source = source_of(recording)
        self._topic = OBSERVATORY.full_name(namespace)
        self._encode = avro.writer(TcsEvent, framing.prefix(registry.register_event(TcsEvent)))
        self._given: dict[UUID, tuple[bytes, int]] = {}

    def tape(
        self,
        bounds: tuple[int | None, int | None],
        sieve: Callable[[list[Any]], list[Any]],
        advance: Callable[[int], None],
    ) -> Tape:
        """Return a tape of the events between the bounds (event time, µs UTC) that go through.

        Raises what reading a recording raises, `EventTooLarge`, `TwoUnderOneId`, and
        `NothingWanted` where there is none; `advance` is told how many events were read.
        """
        tape = Tape(f"the recording {self._recording.path.name}", {self._topic: 1}, bounds)
        low = -(2**63) if bounds[0] is None else bounds[0]
        high = 2**63 if bounds[1] is None else bounds[1]
        seq, earlier = -1, Holding(self._registry)
        for seq, entry in enumerate(self._recording.entries()):
            if seq % _STEP == _STEP - 1:
                advance(_STEP)
            event = entry.event
            if event.data_time >= high or self._is_again(entry):
                continue
            if event.data_time >= low:
                self._put(tape, self._parts(seq, entry), event, sieve)
            else:
                with suppress(EventTooLarge):  # which no log has either
                    earlier.add(sieve([Kept(self._parts(seq, entry))]))
        if not len(tape):
            raise NothingWanted(tape.name, seq + 1)
        stood = [said.message for said in earlier.kept()]
        tape.earlier = lambda: stood
        in_order = self._sort is SortBy.NONE
        tape.wind(None if in_order else f"{self.source}.by-{self._sort}")
        return tape

    def _put(self, tape: Tape, parts: Parts, event: TcsEvent, sieve: Callable[..., Any]) -> None:
        time = self._sort.time_of(event, event.data_time)
        for message in sieve([Kept(parts)]):
            tape.put(time, message.parts)

    def _parts(self, seq: int, entry: Entry) -> Parts:
        event = entry.event
        value = self._encode(event)
        if len(value) > OBSERVATORY.max_bytes - ENVELOPE:
            fault = RecordTooLarge(self._topic, len(value), OBSERVATORY.max_bytes - ENVELOPE)
            raise EventTooLarge(self._recording.place(entry.where), event.topic, fault)
        headers = to_headers(Provenance(self.source, seq, entry.given_id))
        millis = max(event.data_time // 1000, 1)
        return self._topic, 0, seq, event.record_key.encode(), value, millis, headers

    def _is_again(self, entry: Entry) -> bool:
        """Whether the recording had this very record before, by the id that it gives."""
        if entry.given_id is None:
            return False
        mine = event_digest(entry.event), entry.where
        known = self._given.setdefault(entry.given_id, mine)
        if known is not mine and known[0] != mine[0]:
            places = self._recording.place(entry.where), self._recording.place(known[1])
            raise TwoUnderOneId(entry.given_id, *places)
        return known is not mine
