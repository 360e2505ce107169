"""Where the schemas in use are kept, by id: the log's own topic, or a registry of its own."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from schemas.avro import Schema


class Entry(NamedTuple):
    """A version of a schema as it is kept."""

    subject: str
    version: int
    id: int
    schema: Schema


class SchemaStore(Protocol):
    """Keeps schemas; who asks remembers the answers.

    `name` is what people are told: `_schemas`, or the registry's address.
    """

    name: str

    def open(self) -> None:
        """See that it is there and answers."""

    def fetched(self) -> None:
        """Note that records were just read: one look will do for all that they name."""

    def find(self, number: int) -> Schema | None:
        """Return the schema of an id, with all that was kept until now; none if there is none."""

    def add(self, subject: str, versions: Sequence[Schema]) -> int:
        """Return the id of the last of a subject's versions; it is kept when this returns.

        The versions are all up to that one, oldest first, for whoever numbers them by itself.
        Twice the same is no harm.
        """

    def keep(self, subject: str, version: int, schema: Schema) -> int:
        """Return the id of one version, whether those before it are kept or not.

        Whoever numbers versions by itself may give it another number.
        """

    def entries(self) -> Iterator[Entry]:
        """Yield everything that is kept; nothing is made or changed."""
