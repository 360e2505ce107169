"""A record as a reader of the topic meets it: decoded, or with the reason why it can't be."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from infra.log.decoding import Decoder
from infra.log.errors import Undecodable
from infra.log.reading import Message
from schemas.events.packets import Packet
from schemas.record import AnyRecord, Position


class Unreadable(NamedTuple):
    """A record that does not decode; `time` (µs UTC) is Kafka's."""

    position: Position
    time: int
    reason: str


Shown = AnyRecord | Unreadable


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records are shown; a record that does not decode passes for any event and time."""

    event: str | None = None
    key: str | None = None
    since: int | None = None
    """Event time, µs UTC."""

    def __call__(self, shown: Shown) -> bool:
        """Tell whether the record is one of them."""
        if isinstance(shown, Unreadable):
            return True
        if self.event is not None and event_name(shown) != self.event:
            return False
        return self.since is None or shown.time >= self.since

    def has_key(self, message: Message) -> bool:
        """Tell, before the message is decoded, whether its key is the one wanted."""
        return self.key is None or message.key() == self.key.encode()


def event_name(record: AnyRecord) -> str:
    """Return the wire name of a record's event; of a foreign one its schema's name."""
    event = record.event
    return event.schema_name if isinstance(event, Packet) else type(event).__name__


def shown(messages: Iterable[Message], decoder: Decoder, wanted: Wanted) -> Iterator[Shown]:
    """Yield the wanted ones of the messages."""
    for message in messages:
        if not wanted.has_key(message):
            continue
        found: Shown
        try:
            found = decoder.record(message)
        except Undecodable as fault:
            found = Unreadable(fault.position, message.timestamp()[1] * 1000, fault.reason)
        if wanted(found):
            yield found
