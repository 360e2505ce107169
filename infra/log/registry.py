"""The schemas in use, by id, and what decodes records of each.

They are on the log's topic `_schemas`, or in the registry that `log.schema_registry` names.
"""

from collections.abc import Iterator

from infra.log.cluster import Cluster
from infra.log.errors import UnknownSchema
from infra.log.schema_store import Entry, SchemaStore
from schemas import avro
from schemas.avro import Schema
from schemas.declare import AVRO_NAMESPACE
from schemas.language import Decode, Language, todays
from schemas.record import Position

__all__ = ["Decode", "Registry", "store_of"]


def store_of(cluster: Cluster) -> SchemaStore:
    """Return where the schemas of a log are kept; it is not opened yet."""
    if cluster.registry is None:
        from infra.log.schemas_topic import TopicSchemas  # noqa: PLC0415 one of two is needed

        return TopicSchemas(cluster)
    from infra.log.schemas_rest import RestSchemas  # noqa: PLC0415

    return RestSchemas(cluster.registry)


class Registry:
    """The schemas of one log; `language` is what the program understands (today's)."""

    def __init__(self, cluster: Cluster, language: Language | None = None) -> None:
        self._language = language or todays()
        self._store = store_of(cluster)
        self._schemas: dict[int, Schema] = {}
        self._decoders: dict[int, tuple[type | None, Decode]] = {}
        self._unknown: set[int] = set()
        self._store.open()

    def register_event(self, cls: type) -> int:
        """Return the id of an event class's schema; it is kept when this returns.

        Raises `NotPublished` where the class is no longer its newest published version.
        """
        versions = self._language.published_up_to(cls)
        return self._register(f"{AVRO_NAMESPACE}.{cls.__name__}", versions)

    def register_foreign(self, schema: Schema) -> int:
        """Return the id of a schema that is not ours; its subject carries its fingerprint."""
        subject = f"{avro.full_name(schema)}.{avro.fingerprint_of(schema):016x}"
        return self._register(subject, [schema])

    def keep(self, subject: str, version: int, schema: Schema) -> int:
        """Return the id of a version as it was kept by another log; it is kept when this returns.

        The id is another one where either log has a registry of its own.
        """
        number = self._store.keep(subject, version, schema)
        self._schemas.setdefault(number, schema)
        return number

    def entries(self) -> Iterator[Entry]:
        """Yield all schemas that are kept, by subject and version."""
        return self._store.entries()

    def _register(self, subject: str, versions: list[Schema]) -> int:
        number = self._store.add(subject, versions)
        self._schemas.setdefault(number, versions[-1])
        return number

    def fetched(self) -> None:
        """Note that records were just read: what they name was kept before they were.

        Ids that were unknown are asked for again then; without such notes, each is once.
        """
        self._unknown.clear()
        self._store.fetched()

    def schema(self, number: int, position: Position) -> Schema:
        """Return the schema of an id that the record at `position` names; `UnknownSchema`."""
        found = self._schemas.get(number)
        if found is None:
            if number not in self._unknown:
                found = self._store.find(number)
            if found is None:
                self._unknown.add(number)
                raise UnknownSchema(number, position, self._store.name)
            self._schemas[number] = found
        return found

    def decoder(self, number: int, position: Position) -> tuple[type | None, Decode]:
        """Return the event class of a schema id (none for a foreign one) and its decoder."""
        found = self._decoders.get(number)
        if found is None:
            schema = self.schema(number, position)
            cls = self._language.class_of(schema)
            found = self._decoders[number] = (cls, self._language.reader(schema, cls))
        return found
