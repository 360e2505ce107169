"""Messages as they come from the log, and the records that they are, as far as they can be read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from infra.log.decoding import Decoder
from infra.log.errors import Undecodable
from infra.log.reading import Message, Place, Span
from infra.log.registry import Registry
from schemas.record import AnyRecord, Position


class Fault(NamedTuple):
    """A message that a reader can make nothing of, and why."""

    message: Message
    reason: str

    @property
    def position(self) -> Position:
        """Where the record stands."""
        return Position(self.message.topic(), self.message.partition(), self.message.offset())


@dataclass(slots=True)
class Batch:
    """Messages, each partition's in order; the records that they are; those that can't be read."""

    messages: Sequence[Message]
    records: Sequence[AnyRecord]
    unreadable: Sequence[Fault] = ()
    _at: dict[Position, Message] = field(default_factory=dict)
    _spans: dict[Place, Span] = field(default_factory=dict)

    def message_at(self, position: Position) -> Message:
        """Return the message at a position; the first call looks through all."""
        if not self._at:
            self._at = {Fault(message, "").position: message for message in self.messages}
        return self._at[position]

    @property
    def spans(self) -> Mapping[Place, Span]:
        """From where to where the messages of each partition stand; made when first asked for."""
        if not self._spans:
            ends = {(m.topic(), m.partition()): m.offset() + 1 for m in self.messages}
            starts = {(m.topic(), m.partition()): m.offset() for m in reversed(self.messages)}
            self._spans = {place: (starts[place], end) for place, end in ends.items()}
        return self._spans

    def only(self, holds: Callable[[AnyRecord], bool]) -> "Batch":
        """Return the batch with those records only for which `holds` is true."""
        return replace(self, records=[record for record in self.records if holds(record)])


class Decoding:
    """Turns messages into batches."""

    def __init__(self, registry: Registry) -> None:
        self._registry, self._record = registry, Decoder(registry).record

    def batch(self, messages: Sequence[Message]) -> Batch:
        """Decode messages that were just read; one that can't be read holds up no other."""
        self._registry.fetched()
        records: list[AnyRecord] = []
        faults: list[Fault] = []
        waiting = iter(messages)
        while True:
            try:
                records.extend(map(self._record, waiting))
            except Undecodable as fault:
                faults.append(Fault(messages[len(records) + len(faults)], fault.reason))
            else:
                return Batch(messages, records, faults)
