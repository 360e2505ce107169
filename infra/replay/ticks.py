"""Ticks for a window that has none: one for each second of event time, as a clock would have said.

A tick's source and number are those of the live clock, so that its id is the one it would have had.
"""

from collections.abc import Callable, Iterator
from itertools import chain

from infra.log.reading import Message, Place
from infra.replay.saying import Saying
from infra.ticking import SOURCE
from schemas.events.ticks import TimePassed
from schemas.utc import MICROS

_LONGEST_S = 86_400
"""So long it ticks where nothing happens: no service waits for longer, and a year has 31,536,000
seconds. Then it stands still until something happens."""


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
            for tick in _seconds(second, now):
                yield tick * MICROS, self._tick(tick)
            second = max(second, now)
            yield time, message

    def _tick(self, second: int) -> Message:
        encoded = self._encode(TimePassed(second * MICROS))
        return Saying(self._place, SOURCE, second, encoded, second * 1000)


def _seconds(before: int, now: int) -> Iterator[int]:
    """Yield the seconds after one up to another: a day of them, and the last."""
    day_later = before + _LONGEST_S
    return chain(range(before + 1, min(now, day_later) + 1), [now] if now > day_later else [])
