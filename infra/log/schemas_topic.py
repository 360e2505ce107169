"""Schemas on the log's own compacted topic `_schemas`, which every process reads.

Ids are derived from the schemas (see `schemas.avro.schema_id`), so nobody hands them out and two
processes that register one schema at once write the same record.
"""

import json
import logging
from collections.abc import Iterator, Sequence

from confluent_kafka import KafkaError

from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.errors import NotAcknowledged, TwoSchemasOneId, VersionTaken
from infra.log.reading import Message
from infra.log.schema_store import Entry
from schemas import avro
from schemas.avro import Schema
from schemas.topics import SCHEMAS

_LOGGER = logging.getLogger("evctl.log.registry")


class TopicSchemas:
    """The topic `_schemas` of a log: read to its end when opened and when an id is unknown."""

    name = SCHEMAS.name

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._schemas: dict[int, Schema] = {}
        self._versions: dict[tuple[str, int], int] = {}
        self._looked: bool | None = None
        self._next = 0

    def open(self) -> None:
        """Make the topic if it is not there, and read it."""
        topics.ensure(self._cluster, [SCHEMAS])
        self._refresh()

    def fetched(self) -> None:
        """Note that records were just read: one look at the topic will do for all of them."""
        self._looked = False

    def find(self, number: int) -> Schema | None:
        """Return the schema of an id; where it is not known, what was added since is read."""
        if number not in self._schemas and not self._looked:
            self._refresh()
            self._looked = None if self._looked is None else True
        return self._schemas.get(number)

    def add(self, subject: str, versions: Sequence[Schema]) -> int:
        """Return the id of the last version; raise `TwoSchemasOneId` or `VersionTaken`."""
        return self.keep(subject, len(versions), versions[-1])

    def keep(self, subject: str, version: int, schema: Schema) -> int:
        """Return the id of a version; raise `TwoSchemasOneId` or `VersionTaken`."""
        number, print_ = avro.schema_id(schema), avro.fingerprint_of(schema)
        known = self._schemas.get(number)
        if known is not None:
            if avro.fingerprint_of(known) != print_:
                raise TwoSchemasOneId(number, avro.full_name(known), avro.full_name(schema))
            return number
        taken = self._versions.get((subject, version))
        if taken is None:
            self._append(Entry(subject, version, number, schema))
            return number
        if avro.fingerprint_of(self._schemas[taken]) != print_:
            raise VersionTaken(subject, version)
        return taken  # a registry that shares the topic has numbered it

    def entries(self) -> Iterator[Entry]:
        """Yield what is on the topic and not deleted."""
        if SCHEMAS.name in topics.existing(self._cluster):
            self._refresh()
        for (subject, version), number in self._versions.items():
            yield Entry(subject, version, number, self._schemas[number])

    def _refresh(self) -> None:
        """Read what was added to the topic since the last time."""
        place = (SCHEMAS.name, 0)
        low, end = reading.whole(self._cluster, [place])[place]
        new = {place: [(max(self._next, low), end)]}
        for batch in reading.messages(self._cluster, new):
            for message in batch:
                self._take(message)
        self._next = end

    def _take(self, message: Message) -> None:
        try:
            key = json.loads(message.key() or b"{}")
            entry = json.loads(message.value() or b"{}")
            if key.get("keytype") != "SCHEMA":
                return
            self._versions.pop((key["subject"], key["version"]), None)
            if entry and not entry.get("deleted"):
                self._schemas[entry["id"]] = json.loads(entry["schema"])
                self._versions[key["subject"], key["version"]] = entry["id"]
        except (ValueError, KeyError, AttributeError, TypeError) as fault:
            place = f"{message.topic()}[{message.partition()}]@{message.offset()}"
            _LOGGER.warning("%s is not a schema's record (%r); passed over", place, fault)

    def _append(self, entry: Entry) -> None:
        key = {
            "subject": entry.subject,
            "version": entry.version,
            "magic": 1,
            "keytype": "SCHEMA",
        }
        value = {
            "subject": entry.subject,
            "version": entry.version,
            "id": entry.id,
            "schema": json.dumps(entry.schema, separators=(",", ":")),
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
        self._schemas[entry.id] = entry.schema
        self._versions[entry.subject, entry.version] = entry.id
