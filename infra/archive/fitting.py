"""Whether a value is an event that its schema reads to the last byte."""

import fastavro

from infra.log.decoding import SCHEMA_FAULTS
from infra.log.errors import UnknownSchema
from infra.log.reading import Message
from infra.log.registry import Registry
from infra.sealing.stretches import position_of
from schemas import avro
from schemas.avro import NotAvro, Schema
from schemas.framing import HEADER_SIZE, NotFramed, schema_id_of
from schemas.language import Decode


class Fitting:
    """Tells the schema with which the whole value of a message decodes."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._readers: dict[int, Decode | None] = {}
        self.schemas: dict[int, Schema] = {}
        """The schemas that messages have named, by id."""

    def schema_of(self, message: Message) -> int | None:
        """Return the schema's id, none for a value that no program can read."""
        value = message.value()
        try:
            number = schema_id_of(value)
            read = self._readers[number] if number in self._readers else self._learn(message)
            if read is None or value is None:
                return None
            read(value, HEADER_SIZE)
        except (NotFramed, NotAvro, *SCHEMA_FAULTS):
            return None
        return number

    def _learn(self, message: Message) -> Decode | None:
        number = schema_id_of(message.value())
        self._readers[number] = None
        try:
            schema = self._registry.schema(number, position_of(message))
            fastavro.parse_schema(schema)
        except UnknownSchema:
            return None
        self._readers[number] = avro.reader(schema, None)
        self.schemas[number] = schema
        return self._readers[number]
