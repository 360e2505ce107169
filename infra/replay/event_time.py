"""When a message happened: its event time, taken from the value's first bytes.

The first field of each of our events is its event time (an Avro long) and stands right behind the
framing, so that a replay need not decode the rest. A record that is not ours, or not Avro, has no
event time but the Kafka timestamp.
"""

from collections.abc import Callable, Sequence

from infra.log.decoding import SCHEMA_FAULTS
from infra.log.errors import UnknownSchema
from infra.log.reading import Message
from schemas.framing import HEADER_SIZE
from schemas.record import Position

_GO_ON = 0x0080_8080_8080_8080  # continuation bits of a varint of exactly eight bytes
_LAST_8 = HEADER_SIZE + 8


class NoVarint(ValueError):
    """The bytes end within a varint, or it is longer than a long can be."""


def first_long(value: bytes) -> int:
    """Return the Avro long behind the framing: a zigzag varint, least significant group first.

    Instants from 1988 to 3111 take eight bytes; those are gathered with five masks instead of a
    loop, which is a third of the time. Raises `NoVarint`.
    """
    bits = int.from_bytes(value[HEADER_SIZE:_LAST_8], "little")
    if bits & 0x8080_8080_8080_8080 != _GO_ON or len(value) < _LAST_8:
        return _any_long(value)
    bits &= 0x7F7F_7F7F_7F7F_7F7F
    bits = (bits & 0x007F_007F_007F_007F) | (bits & 0x7F00_7F00_7F00_7F00) >> 1
    bits = (bits & 0x0000_3FFF_0000_3FFF) | (bits & 0x3FFF_0000_3FFF_0000) >> 2
    bits = (bits & 0x0000_0000_0FFF_FFFF) | (bits & 0x0FFF_FFFF_0000_0000) >> 4
    return (bits >> 1) ^ -(bits & 1)


def _any_long(value: bytes) -> int:
    bits = 0
    for place, byte in enumerate(value[HEADER_SIZE : HEADER_SIZE + 10]):
        bits |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return (bits >> 1) ^ -(bits & 1)
    raise NoVarint


class EventTimes:
    """Reads the event time of messages; it remembers which schemas are ours.

    `schema_of` is `Registry.decoder`: it tells a schema id's event class, none for a foreign one.
    """

    def __init__(self, schema_of: Callable[[int, Position], tuple[type | None, object]]) -> None:
        self._schema_of = schema_of
        self._ours: dict[bytes, bool] = {}

    def of(self, message: Message) -> int:
        """Return when the message happened (µs UTC)."""
        value = message.value()
        if value:
            prefix = value[:HEADER_SIZE]
            ours = self._ours.get(prefix)
            if ours is None:
                ours = self._ours[prefix] = self._is_ours(prefix, message)
            if ours:
                try:
                    return first_long(value)
                except NoVarint:
                    pass
        return message.timestamp()[1] * 1000

    def latest(self, messages: Sequence[Message]) -> int:
        """Return how far messages lead (µs UTC), to the ms where the last was logged late."""
        newest = max(messages, key=lambda message: message.timestamp()[1])
        return max(self.of(newest), self.of(messages[-1]))

    def _is_ours(self, prefix: bytes, message: Message) -> bool:
        if len(prefix) < HEADER_SIZE or prefix[0] != 0:
            return False
        position = Position(message.topic(), message.partition(), message.offset())
        try:
            cls, _ = self._schema_of(int.from_bytes(prefix[1:], "big"), position)
        except (
            UnknownSchema,
            *SCHEMA_FAULTS,
        ):  # a projection says so; a replay carries the record as it is
            return False
        return cls is not None

    def within(self, start: int | None, end: int | None) -> Callable[[Message], bool]:
        """Return the test whether a message happened from `start` to before `end` (µs UTC).

        The Kafka timestamp is the event time's millisecond, so that only those at the two bounds
        take a look at the value. Instants before 1970 share the timestamps 0 and 1.
        """
        low = -(2**63) if start is None else start
        high = 2**63 if end is None else end
        first_sure, first_out = -(-low // 1000), -(-high // 1000)
        last_sure, last_out = high // 1000, low // 1000
        of = self.of

        def inside(message: Message) -> bool:
            millis = message.timestamp()[1]
            if millis > 1:
                if first_sure <= millis < last_sure:
                    return True
                if millis < last_out or millis >= first_out:
                    return False
            return low <= of(message) < high

        return inside
