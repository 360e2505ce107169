"""What event a message holds, by its schema's id alone."""

from collections.abc import Callable

from infra.log.decoding import SCHEMA_FAULTS
from infra.log.errors import UnknownSchema
from infra.log.reading import Message
from schemas.framing import HEADER_SIZE
from schemas.record import Position


class Kinds:
    """Tells what event a message holds, from its schema's id alone.

    `schema_of` is `Registry.decoder`.
    """

    def __init__(self, schema_of: Callable[[int, Position], tuple[type | None, object]]) -> None:
        self._schema_of = schema_of
        self._known: dict[bytes, type | None] = {}

    def of(self, message: Message) -> type | None:
        """Return the event's class, None for a record that is not ours or can't be read."""
        prefix = (message.value() or b"")[:HEADER_SIZE]
        if prefix in self._known:
            return self._known[prefix]
        found = self._known[prefix] = self._look_up(prefix, message)
        return found

    def _look_up(self, prefix: bytes, message: Message) -> type | None:
        if len(prefix) < HEADER_SIZE or prefix[0] != 0:
            return None
        position = Position(message.topic(), message.partition(), message.offset())
        try:
            return self._schema_of(int.from_bytes(prefix[1:], "big"), position)[0]
        except (UnknownSchema, *SCHEMA_FAULTS):
            return None
