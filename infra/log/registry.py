"""The schemas in use, by id: the compacted topic `_schemas`, which every process reads.

Ids are derived from the schemas (see `schemas.avro.schema_id`), so nobody hands them out and two
processes that register one schema at once write the same record.
"""

import json
import logging
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError

from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.errors import NotAcknowledged, TwoSchemasOneId, UnknownSchema
from infra.log.reading import Message
from schemas import avro, catalogue
from schemas.avro import Schema
from schemas.declare import AVRO_NAMESPACE
from schemas.published_files import newest
from schemas.record import Position
from schemas.topics import SCHEMAS

Decode = Callable[[bytes, int], Any]

_LOGGER = logging.getLogger("evctl.log.registry")


class Registry:
    """The schemas of one log, read to the end of `_schemas` when made and when an id is unknown."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._schemas: dict[int, Schema] = {}
        self._decoders: dict[int, tuple[type | None, Decode]] = {}
        self._unknown: set[int] = set()
        self._looked: bool | None = None
        self._next = 0
        topics.ensure(cluster, [SCHEMAS])
        self.refresh()

    def refresh(self) -> None:
        """Read what was added to `_schemas` since the last time."""
        place = (SCHEMAS.name, 0)
        low, end = reading.whole(self._cluster, [place])[place]
        new = {place: [(max(self._next, low), end)]}
        for batch in reading.messages(self._cluster, new):
            for message in batch:
                self._take(message)
        self._next = end

    def _take(self, message: Message) -> None:
        try:
            keytype = json.loads(message.key() or b"{}").get("keytype")
            entry = json.loads(message.value() or b"{}")
            if keytype == "SCHEMA" and entry and not entry.get("deleted"):
                self._schemas[entry["id"]] = json.loads(entry["schema"])
        except (ValueError, KeyError, AttributeError) as fault:
            place = f"{message.topic()}[{message.partition()}]@{message.offset()}"
            _LOGGER.warning("%s is not a schema's record (%r); passed over", place, fault)

    def register_event(self, cls: type) -> int:
        """Return the id of an event class's schema; it is on `_schemas` when this returns."""
        version = newest(cls.__name__)
        subject = f"{AVRO_NAMESPACE}.{cls.__name__}"
        return self._register(avro.schema_of(cls), subject, version.version)

    def register_foreign(self, schema: Schema) -> int:
        """Return the id of a schema that is not ours; its subject carries its fingerprint."""
        subject = f"{avro.full_name(schema)}.{avro.fingerprint_of(schema):016x}"
        return self._register(schema, subject, 1)

    def _register(self, schema: Schema, subject: str, version: int) -> int:
        number = avro.schema_id(schema)
        known = self._schemas.get(number)
        if known is not None:
            if avro.fingerprint_of(known) != avro.fingerprint_of(schema):
                raise TwoSchemasOneId(number, avro.full_name(known), avro.full_name(schema))
            return number
        self._append(schema, subject, version, number)
        self._schemas[number] = schema
        return number

    def _append(self, schema: Schema, subject: str, version: int, number: int) -> None:
        key = {"subject": subject, "version": version, "magic": 1, "keytype": "SCHEMA"}
        value = {
            "subject": subject,
            "version": version,
            "id": number,
            "schema": json.dumps(schema, separators=(",", ":")),
            "deleted": False,
        }
        faults: list[KafkaError | None] = []
        # not idempotent, which would cost half a second to begin: twice the same record is no harm
        producer = self._cluster.producer(
            linger_ms=0,
            acks="all",
            enable_idempotence=False,
            enable_gapless_guarantee=False,
            message_timeout_ms=30_000,
        )
        producer.produce(
            SCHEMAS.name,
            json.dumps(value).encode(),
            json.dumps(key).encode(),
            partition=0,
            on_delivery=lambda error, _: faults.append(error),
        )
        while producer.flush(0.2):
            self._cluster.check()
        for fault in filter(None, faults):
            raise NotAcknowledged(SCHEMAS.name, 1, self._cluster.refusal() or fault.str())

    def fetched(self) -> None:
        """Note that records were just read: one look at `_schemas` will do for all of them.

        A schema is there before the first record that uses it. Without such notes, each unknown
        id is looked for once.
        """
        self._looked = False
        self._unknown.clear()

    def schema(self, number: int, position: Position) -> Schema:
        """Return the schema of an id that the record at `position` names; `UnknownSchema`."""
        if number not in self._schemas and number not in self._unknown and not self._looked:
            self.refresh()
            self._looked = None if self._looked is None else True
        try:
            return self._schemas[number]
        except KeyError:
            self._unknown.add(number)
            raise UnknownSchema(number, position) from None

    def decoder(self, number: int, position: Position) -> tuple[type | None, Decode]:
        """Return the event class of a schema id (none for a foreign one) and its decoder."""
        found = self._decoders.get(number)
        if found is None:
            schema = self.schema(number, position)
            cls = _class_of(schema)
            found = self._decoders[number] = (cls, avro.reader(schema, cls))
        return found


def _class_of(schema: Schema) -> type | None:
    namespace, _, name = avro.full_name(schema).rpartition(".")
    return catalogue.events().get(name) if namespace == AVRO_NAMESPACE else None
