"""Notices delivered to people: each once, or not at all once it is too late."""

from collections.abc import Callable
from typing import Protocol

from consumers import Act, Refused, Ticket, Worker
from schemas.events.notices import (
    NoticeDelivered,
    NoticeExpired,
    NoticeFailed,
    NoticeRequested,
    NoticeStarted,
)
from schemas.record import AnyRecord
from schemas.topics import OBSERVATORY

__all__ = ["Board", "Refused", "worker"]


class Board(Protocol):
    """Where people find notices."""

    def put(self, ticket: Ticket, subject: str, text: str) -> str:
        """Put a notice up, and return its place; again for the same request, only the place.

        Raises `Refused`, for one where the ticket's epoch is below one that was seen.
        """
        ...

    def find(self, ticket: Ticket) -> str | None:
        """Return the place of the notice of a request, None if it is not up."""
        ...


def worker(board: Board) -> Worker:
    """Return the worker `notices` for a board."""

    def started(record: AnyRecord, now: int) -> NoticeStarted:
        return NoticeStarted(now, str(record.id))

    def carry_out(record: AnyRecord, act: Act) -> NoticeDelivered:
        notice: NoticeRequested = record.event
        place = board.put(act.ticket, notice.subject, notice.text)
        return NoticeDelivered(act.now(), str(record.id), place)

    def look(record: AnyRecord, ticket: Ticket, now: Callable[[], int]) -> NoticeDelivered | None:
        place = board.find(ticket)
        return None if place is None else NoticeDelivered(now(), str(record.id), place)

    def failed(record: AnyRecord, reason: str, now: int) -> NoticeFailed:
        return NoticeFailed(now, str(record.id), reason)

    def expired(record: AnyRecord, now: int) -> NoticeExpired:
        return NoticeExpired(now, str(record.id), record.event.valid_until)

    return Worker(
        name="notices",
        version=1,
        reads=(OBSERVATORY.name,),
        writes=(OBSERVATORY.name,),
        requests=(NoticeRequested,),
        started=started,
        carry_out=carry_out,
        look=look,
        failed=failed,
        expired=expired,
    )
