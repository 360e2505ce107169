"""A message that we hold ourselves, where the log's client holds none."""

from collections.abc import Sequence
from typing import Any

Parts = tuple[str, int, int, bytes | None, bytes | None, int, list[tuple[str, bytes]]]
"""Topic's full name, partition, offset, key, value, timestamp in ms, headers."""


class Kept:
    """A message as a consumer returns it (`infra.log.reading.Message`), made of its parts."""

    __slots__ = ("parts",)

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    def topic(self) -> str:
        """Return the topic's full name."""
        return self.parts[0]

    def partition(self) -> int:
        """Return the partition."""
        return self.parts[1]

    def offset(self) -> int:
        """Return the offset; of a recording's event, its place there."""
        return self.parts[2]

    def key(self) -> bytes | None:
        """Return the key."""
        return self.parts[3]

    def value(self) -> bytes | None:
        """Return the value."""
        return self.parts[4]

    def timestamp(self) -> tuple[int, int]:
        """Return the kind of time (made, not appended), and Kafka's timestamp in ms."""
        return 1, self.parts[5]

    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Return the headers."""
        return self.parts[6]

    def error(self) -> Any:
        """Return none: what we hold was read."""
        return None

    def __len__(self) -> int:
        return len(self.parts[4] or b"")


def parts_of(message: Any) -> Parts:
    """Return the parts of any message."""
    return (
        message.topic(),
        message.partition(),
        message.offset(),
        message.key(),
        message.value(),
        message.timestamp()[1],
        [(name, value) for name, value in message.headers() or ()],
    )
