"""When a record is due: absolute deadlines, so that errors of single waits do not add up.

All partitions share one schedule: when the log or the machine falls behind, records go out back to
back in the one order, everything slows down together, and lateness says by how much.
"""

from collections.abc import Callable
from math import inf, isfinite

from infra.replay.controls import Transport
from schemas.errors import EvctlError
from schemas.utc import MICROS

AS_FAST_AS_POSSIBLE = inf

_LONGEST_NAP_S = 0.05  # between two looks at the log and at the wish to stop


class NotASpeed(EvctlError):
    """The speed is no positive factor."""

    exit_code = 2

    def __init__(self, text: str) -> None:
        super().__init__(
            f"The speed is {text}, and has to be a factor above 0 (1 is real time, 10 ten times as "
            "fast) or max."
        )
        self.text = text


def parse_speed(text: str) -> float:
    """Return the factor of `--speed`: event time per wall time; infinity for `max`."""
    if text.strip().lower() == "max":
        return AS_FAST_AS_POSSIBLE
    try:
        factor = float(text)
    except ValueError:
        raise NotASpeed(repr(text)) from None
    if not isfinite(factor) or factor <= 0:
        raise NotASpeed(text)
    return factor


class Pace:
    """Waits until records are due, as its `transport` says, which may be another at any time.

    `clock` returns seconds; `nap` sleeps for at most so many, and says whether to give up waiting.
    """

    def __init__(
        self, transport: Transport, clock: Callable[[], float], nap: Callable[[float], bool]
    ) -> None:
        self._clock, self._nap = clock, nap
        self.transport = transport

    def wait(self, time: int, meanwhile: Callable[[float], bool]) -> int | None:
        """Wait until an event time is due and return how late it is then, in µs.

        `meanwhile` is called with the seconds left, to use them: false if there is nothing to do
        but nap. The result is negative where the nap gave up, and none where there is no deadline.
        """
        while (left := self.transport.deadline(time) - self._clock()) > 0:
            if not meanwhile(left) and self._nap(min(left, _LONGEST_NAP_S)):
                break
        return round(-left * MICROS) if isfinite(left) else None
