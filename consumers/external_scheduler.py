"""The next shot by an external scheduler: called once for a request, in the manner of OCD."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from consumers import Act, Refused, Ticket, Worker
from schemas.events.schedules import (
    ScheduleExpired,
    ScheduleFailed,
    ScheduleRequested,
    ScheduleStarted,
    ShotProposed,
)
from schemas.record import AnyRecord
from schemas.topics import OBSERVATORY

__all__ = ["Answer", "Refused", "Scheduler", "worker"]


class Answer(NamedTuple):
    """What a scheduler proposes: a shot, its track (0 east, 1 west), an azimuth in degrees.

    `output` is what it printed.
    """

    shot: str
    track: int
    azimuth: float
    output: str


class Scheduler(Protocol):
    """What chooses a shot; to ask it twice does no harm."""

    def propose(
        self, date_time: int, seeing: float, transparency: float, azimuth: float | None
    ) -> Answer:
        """Return the next shot at an instant (µs UTC), seeing in arcsec, azimuth in degrees.

        Raises `Refused` where it proposes none that can be used, and says why.
        """
        ...


def worker(scheduler: Scheduler) -> Worker:
    """Return the worker `external_scheduler` for a scheduler."""

    def started(record: AnyRecord, now: int) -> ScheduleStarted:
        return ScheduleStarted(now, str(record.id))

    def carry_out(record: AnyRecord, act: Act) -> ShotProposed:
        asked: ScheduleRequested = record.event
        answer = scheduler.propose(asked.date_time, asked.seeing, asked.transparency, asked.azimuth)
        return ShotProposed(act.now(), str(record.id), *answer)

    def look(_: AnyRecord, __: Ticket, ___: Callable[[], int]) -> None:
        """Find nothing: what a scheduler said to an instance that is gone is lost."""

    def failed(record: AnyRecord, reason: str, now: int) -> ScheduleFailed:
        return ScheduleFailed(now, str(record.id), reason)

    def expired(record: AnyRecord, now: int) -> ScheduleExpired:
        return ScheduleExpired(now, str(record.id), record.event.valid_until)

    return Worker(
        name="external_scheduler",
        version=1,
        reads=(OBSERVATORY.name,),
        writes=(OBSERVATORY.name,),
        requests=(ScheduleRequested,),
        started=started,
        carry_out=carry_out,
        look=look,
        failed=failed,
        expired=expired,
    )
