"""Observation numbers taken for shots: each request gets one number, however often it is tried."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from consumers import Act, Ticket, Worker
from schemas.events.observation_numbers import (
    ObservationNumberExpired,
    ObservationNumberFailed,
    ObservationNumberRequested,
    ObservationNumberStarted,
    ObservationNumberTaken,
)
from schemas.nights import observing_date
from schemas.record import AnyRecord
from schemas.topics import OBSERVATORY


class Taken(NamedTuple):
    """A number that was taken; `row_id` is its row's, None where it was only computed."""

    obsdate: str
    obsnum: int
    inst: str
    recorded: bool
    row_id: int | None


class Numbers(Protocol):
    """Where observation numbers are given out.

    Both methods raise `Away`, and `Refused` for a ticket whose epoch is below one that was seen.
    """

    def take(self, ticket: Ticket, obsdate: str, inst: str) -> Taken:
        """Take the date's next number (YYYY-MM-DD), or return what the same request got before.

        An empty `inst` is the site's. Raises `Refused`, too, where there is none to be had.
        """
        ...

    def find(self, ticket: Ticket) -> Taken | None:
        """Return what a request got, None if it got nothing."""
        ...


def worker(numbers: Numbers) -> Worker:
    """Return the worker `observation_numbers` for who gives them out."""

    def started(record: AnyRecord, now: int) -> ObservationNumberStarted:
        return ObservationNumberStarted(now, str(record.id))

    def carry_out(record: AnyRecord, act: Act) -> Any:
        asked: ObservationNumberRequested = record.event
        taken = numbers.take(act.ticket, observing_date(asked.date_time), asked.inst)
        return told(record, taken, act.now())

    def look(record: AnyRecord, ticket: Ticket, now: Callable[[], int]) -> Any | None:
        found = numbers.find(ticket)
        return None if found is None else told(record, found, now())

    def told(record: AnyRecord, taken: Taken, now: int) -> ObservationNumberTaken:
        shot = record.event.shot
        return ObservationNumberTaken(now, str(record.id), shot, *taken)

    def failed(record: AnyRecord, reason: str, now: int) -> ObservationNumberFailed:
        return ObservationNumberFailed(now, str(record.id), record.event.shot, reason)

    def expired(record: AnyRecord, now: int) -> ObservationNumberExpired:
        asked: ObservationNumberRequested = record.event
        return ObservationNumberExpired(now, str(record.id), asked.shot, asked.valid_until)

    return Worker(
        name="observation_numbers",
        version=1,
        reads=(OBSERVATORY.name,),
        writes=(OBSERVATORY.name,),
        requests=(ObservationNumberRequested,),
        started=started,
        carry_out=carry_out,
        look=look,
        failed=failed,
        expired=expired,
    )
