"""From Kafka messages to records."""

from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import Any

from fastavro.read import SchemaResolutionError
from fastavro.schema import SchemaParseException

from infra.log.errors import Undecodable, UnknownSchema
from infra.log.reading import Message
from infra.log.registry import Decode, Registry
from schemas.avro import NotAvro, full_name
from schemas.declare import time_field
from schemas.events.packets import Packet
from schemas.framing import HEADER_SIZE, NotFramed, schema_id_of
from schemas.record import AnyRecord, BadHeaders, Position, Record, from_headers

# Half the time of `Record(…)`, for one of each is made for every message.
_position: Callable[[tuple[str, int, int]], Position] = partial(tuple.__new__, Position)
_record: Callable[[tuple[Any, ...]], AnyRecord] = partial(tuple.__new__, Record)

SCHEMA_FAULTS = (
    SchemaParseException,
    SchemaResolutionError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
)
"""What is raised for a schema that is none, or that can't be read as ours."""


class Decoder:
    """Turns messages into records; it remembers how each schema is decoded."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: dict[int, tuple[Decode, Callable[[Any], int] | None]] = {}

    def record(self, message: Message) -> AnyRecord:
        """Return the record of a message; raise `Undecodable`."""
        position = _position((message.topic(), message.partition(), message.offset()))
        try:
            value = message.value()
            number = schema_id_of(value)
            decode, time_of = self._known.get(number) or self._learn(number, position)
            event = decode(value or b"", HEADER_SIZE)
            if time_of is None:
                event = self._packet(number, position, event, message.timestamp()[1])
                time = event.time
            else:
                time = time_of(event)
            key = message.key()
            return _record(
                (
                    event,
                    from_headers(message.headers(), position),
                    None if key is None else key.decode(errors="replace"),
                    time,
                    position,
                )
            )
        except (NotFramed, NotAvro, BadHeaders, UnknownSchema) as fault:
            raise Undecodable(position, str(fault)) from fault
        except SCHEMA_FAULTS as fault:
            reason = f"its schema does not do: {type(fault).__name__}: {fault}"
            raise Undecodable(position, reason) from fault

    def _learn(self, number: int, position: Position) -> tuple[Decode, Callable[[Any], int] | None]:
        cls, decode = self._registry.decoder(number, position)
        found = decode, None if cls is None else attrgetter(time_field(cls))
        self._known[number] = found
        return found

    def _packet(self, number: int, position: Position, fields: Any, millis: int) -> Packet:
        name = full_name(self._registry.schema(number, position))
        return Packet(millis * 1000, name, fields)
