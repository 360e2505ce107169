"""What a record is besides its event: a row of `records/TOPIC-PARTITION.avro`, and back."""

from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError

from infra.log.reading import Message, Place

SCHEMA: Mapping[str, Any] = {
    "type": "record",
    "name": "ArchivedRecord",
    "namespace": "evctl.archive",
    "doc": "A record of a partition, in the log's order; its event is in a file of events/.",
    "fields": [
        {"name": "offset", "type": "long", "doc": "where it stood in the partition"},
        {"name": "timestamp", "type": "long", "doc": "Kafka's, ms since 1970-01-01 UTC"},
        {"name": "key", "type": ["null", "bytes"]},
        {
            "name": "headers",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "Header",
                    "fields": [
                        {"name": "name", "type": "string"},
                        {"name": "value", "type": ["null", "bytes"]},
                    ],
                },
            },
            "doc": "src: SOURCE:SEQ; id, cause: UUIDs of 16 bytes; epoch, replay: text",
        },
        {
            "name": "schema",
            "type": ["null", "int"],
            "doc": "the id of the event's schema; its bytes are the next ones of the events file "
            "of this partition and schema. null: the value is no event, and stands here",
        },
        {"name": "size", "type": "int", "doc": "bytes that the event takes in the events file"},
        {"name": "value", "type": ["null", "bytes"], "doc": "the value where `schema` is null"},
        {
            "name": "repeat",
            "type": "boolean",
            "doc": "readers pass over it: it was written twice, or by an instance of a service "
            "that had been replaced",
        },
    ],
}


class Archived:
    """A record of an archive, as a message that stands where it stood.

    `schema` is the id that its value's schema has in the archive; none for what is no event. A
    `repeat` is what readers pass over.
    """

    __slots__ = ("_headers", "_key", "_millis", "_offset", "_place", "_value", "repeat", "schema")

    def __init__(self, place: Place, row: Mapping[str, Any], value: bytes | None) -> None:
        self._place, self._value = place, value
        self._offset: int = row["offset"]
        self._millis: int = row["timestamp"]
        self._key: bytes | None = row["key"]
        self._headers = [(header["name"], header["value"]) for header in row["headers"]]
        self.schema: int | None = row["schema"]
        self.repeat: bool = row["repeat"]

    def topic(self) -> str:
        """The topic's full name where the archive was made."""
        return self._place[0]

    def partition(self) -> int:
        """The partition."""
        return self._place[1]

    def offset(self) -> int:
        """The offset where the archive was made."""
        return self._offset

    def key(self) -> bytes | None:
        """The key."""
        return self._key

    def value(self) -> bytes | None:
        """The value with its framing."""
        return self._value

    def headers(self) -> Sequence[tuple[str, bytes]] | None:
        """The headers, none if there are none."""
        return self._headers or None

    def timestamp(self) -> tuple[int, int]:
        """Kafka's kind of timestamp (CreateTime), and ms."""
        return 1, self._millis

    def error(self) -> KafkaError | None:
        """None: it is a record."""
        return None

    def __len__(self) -> int:
        """Bytes of the value."""
        return len(self._value or b"")


def row_of(message: Message, schema: int | None, size: int, *, repeat: bool) -> dict[str, Any]:
    """Return the row of a message; `size` is that of its event."""
    return {
        "offset": message.offset(),
        "timestamp": message.timestamp()[1],
        "key": message.key(),
        "headers": [{"name": name, "value": value} for name, value in message.headers() or ()],
        "schema": schema,
        "size": size,
        "value": message.value() if schema is None else None,
        "repeat": repeat,
    }
