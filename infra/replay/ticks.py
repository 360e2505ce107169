"""Ticks for a window that has none: one for each second of event time, as a clock would have said.

A tick's source and number are those of the live clock, so that its id is the one it would have had.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from infra.log.reading import Message, Place
from infra.ticking import SOURCE
from schemas.events.ticks import TimePassed
from schemas.record import reported
from schemas.utc import MICROS


class Tick(NamedTuple):
    """A `TimePassed` as if it had been read from a partition."""

    place: Place
    second: int
    encoded: bytes

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
        return reported(SOURCE, self.second)

    def timestamp(self) -> tuple[int, int]:
        return 1, max(1, self.second * 1000)

    def error(self) -> None:
        return None

    def __len__(self) -> int:
        return len(self.encoded)


class Clockwork:
    """Makes the ticks of one partition; `encode` gives an event's bytes on the log."""

    def __init__(self, place: Place, encode: Callable[[TimePassed], bytes]) -> None:
        self._place, self._encode = place, encode

    def woven(self, messages: Iterator[tuple[int, Message]]) -> Iterator[tuple[int, Message]]:
        """Yield messages by their times (µs UTC), each behind the ticks up to it.

        The first tick is the first full second after the first message.
        """
        second: int | None = None
        for time, message in messages:
            now = time // MICROS
            second = now if second is None else second
            for tick in range(second + 1, now + 1):
                yield tick * MICROS, self._tick(tick)
            second = max(second, now)
            yield time, message

    def _tick(self, second: int) -> Message:
        return Tick(self._place, second, self._encode(TimePassed(second * MICROS)))
