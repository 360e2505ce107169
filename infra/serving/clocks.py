"""What a worker takes for the present: true time, or, where it stands in in a replay, the log's."""

from typing import Protocol

from infra.clock import utc_micros
from schemas.declare import REPORTED
from schemas.events.ticks import TimePassed
from schemas.record import AnyRecord


class Clock(Protocol):
    """The present of a worker at its seat, which is told of the records that it reads.

    `heeds` are the classes of records that it has to hear of while the worker is busy.
    """

    heeds: tuple[type, ...]
    of_replay: bool

    def hear(self, record: AnyRecord) -> None:
        """Take note of a record; again, nothing."""
        ...

    def now(self) -> int:
        """Return the present, µs UTC."""
        ...


class TrueClock:
    """The clock on the wall, which tells nothing of a replay's requests."""

    heeds: tuple[type, ...] = ()
    of_replay = False

    def hear(self, record: AnyRecord) -> None:
        """Need no record."""

    def now(self) -> int:
        """Return the present, µs UTC."""
        return utc_micros()


class ReplayClock:
    """The present of a replay: its last tick, or what was reported since with a later time."""

    heeds: tuple[type, ...] = (TimePassed,)
    of_replay = True

    def __init__(self) -> None:
        self._now, self._next = 0, 0

    def hear(self, record: AnyRecord) -> None:
        """Take note of a record; one that was heard in an act comes again at the seat."""
        offset = record.position.offset
        if offset < self._next:
            return
        self._next = offset + 1
        if isinstance(record.event, TimePassed):
            self._now = (
                record.time
            )  # of a rehearsal with another time, too: requests have true times
        elif getattr(record.event, "ORIGIN", None) is REPORTED:
            self._now = max(self._now, record.time)

    def now(self) -> int:
        """Return the present, µs UTC; 0 before anything was heard."""
        return self._now
