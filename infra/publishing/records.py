"""What stands in the input, and what is made of it."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias

from schemas.avro import Schema


class JsonItem(NamedTuple):
    """A JSON value; `typed` on the command line, it may leave out what can be filled in."""

    where: str
    value: Any
    typed: bool = False


class WordsItem(NamedTuple):
    """One record as FIELD=VALUE words of the command line."""

    where: str
    words: tuple[str, ...]


class AvroItem(NamedTuple):
    """A record of an Avro container: its bytes as they stand there, and what they say."""

    where: str
    schema: Schema
    data: bytes
    fields: Mapping[str, Any]


class FramedItem(NamedTuple):
    """A record in the Confluent wire format, without the frame; its schema is elsewhere."""

    where: str
    schema_id: int
    data: bytes


Item: TypeAlias = JsonItem | WordsItem | AvroItem | FramedItem


class Encoded(NamedTuple):
    """A record ready for its topic: `kind` is the number of its schema among the encoder's.

    `timestamp` is Kafka's, in ms.
    """

    kind: int
    key: str | None
    timestamp: int
    data: bytes


class Encoder(Protocol):
    """Turns input into records of one topic."""

    kinds: list[type | Schema]
    """Event classes, or foreign schemas, in the order they were met."""

    def encode(self, item: Item) -> Encoded:
        """Return the record; raise an `EvctlError` that says why there is none."""
        ...
