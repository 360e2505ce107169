"""What is said in the course of a replay, among the messages that are read."""

from collections.abc import Sequence
from typing import NamedTuple

from infra.log.reading import Place
from schemas.record import reported


class Saying(NamedTuple):
    """A record that a source says now, as if it had been read from a partition."""

    place: Place
    source: str
    seq: int
    encoded: bytes
    millis: int

    def topic(self) -> str:
        return self.place[0]

    def partition(self) -> int:
        return self.place[1]

    def offset(self) -> int:
        return -1

    def key(self) -> None:
        return None

    def value(self) -> bytes:
        return self.encoded

    def headers(self) -> Sequence[tuple[str, bytes]]:
        return reported(self.source, self.seq)

    def timestamp(self) -> tuple[int, int]:
        return 1, max(1, self.millis)

    def error(self) -> None:
        return None

    def __len__(self) -> int:
        return len(self.encoded)
