"""Shots carried out by the telescope: each once, or not at all once it is too late for it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from consumers import Act, Refused, Ticket, Worker
from schemas.events.shots import (
    ExposureFinished,
    ExposureStarted,
    ShotAbortRequested,
    ShotByHandRequested,
    ShotExpired,
    ShotFinished,
    ShotOrder,
    ShotRequested,
    ShotStarted,
    TelescopeSetupFinished,
    TelescopeSetupStarted,
)
from schemas.record import AnyRecord
from schemas.topics import OBSERVATORY

__all__ = ["Exposure", "Files", "Found", "Port", "Refused", "ShotFailed", "Telescope", "worker"]

SET_UP, IMAGE = "set-up", "acquisition image"
ABORTED, INTERRUPTED, FAILED = "Aborted", "Interrupted", "Failed"

Stopped = Callable[[], str | None]
"""Returns why a shot has to end early, None if it goes on."""


class ShotFailed(Exception):
    """A step of a shot failed: the kind of error, a sentence, and what helps to find the cause."""

    def __init__(self, kind: str, reason: str, details: str = "") -> None:
        super().__init__(reason)
        self.kind, self.reason, self.details = kind, reason, details


class Exposure(NamedTuple):
    """One exposure of a shot: its number from 1 on, how long (s), where its files belong.

    `time` is when it began, µs UTC, and `before` what was there of its files then.
    """

    order: ShotOrder
    number: int
    seconds: float
    place: str
    time: int
    before: frozenset[object] = frozenset()


class Found(NamedTuple):
    """How far a request came: its last step, and, where it ended, the kind of error or nothing."""

    step: str
    ended: bool
    kind: str = ""
    reason: str = ""
    details: str = ""


class Telescope(Protocol):
    """What points, exposes and reads out, for one request after the other.

    It keeps how far each request came, whatever dies. Every method raises `Refused` for a ticket
    whose epoch is below one that it has seen.
    """

    def begin(self, ticket: Ticket) -> None:
        """Begin a request; raise `Refused` for one that was begun before."""
        ...

    def find(self, ticket: Ticket) -> Found | None:
        """Return how far a request came, None if it was never begun; nothing of it runs on."""
        ...

    def note(self, ticket: Ticket, found: Found) -> None:
        """Keep how far a request has come."""
        ...

    def set_up(
        self, ticket: Ticket, order: ShotOrder, commands: Sequence[str], stopped: Stopped
    ) -> None:
        """Go where the shot is, by these commands; raise `ShotFailed`, also where stopped."""
        ...

    def expose(self, ticket: Ticket, exposure: Exposure, stopped: Stopped) -> float:
        """Expose and read out; return the exposure time (s); raise as `set_up` does."""
        ...


class Files(Protocol):
    """What lies ready for a shot, and what comes of it; each method may raise `ShotFailed`."""

    def commands(self, order: ShotOrder) -> Sequence[str]:
        """Return the commands that set the telescope up."""
        ...

    def copy_image(self, order: ShotOrder) -> None:
        """Copy the acquisition image to where the site wants it."""
        ...

    def place(self, order: ShotOrder, number: int, asked: int) -> str:
        """Return where the files of an exposure belong; the shot was asked for then (µs UTC)."""
        ...

    def there(self, place: str) -> frozenset[object]:
        """Return what tells the files in a place now from those that come, or change, later."""
        ...

    def count(self, exposure: Exposure, stopped: Stopped) -> int:
        """Return how many files have come of an exposure, those of the last one waited for."""
        ...


class Port(NamedTuple):
    """What the worker touches the world through."""

    telescope: Telescope
    files: Files


def worker(port: Port) -> Worker:
    """Return the worker `shots` for a telescope and its files."""

    def started(record: AnyRecord, now: int) -> ShotStarted:
        return ShotStarted(now, str(record.id), record.event.order)

    def carry_out(record: AnyRecord, act: Act) -> ShotFinished:
        port.telescope.begin(act.ticket)
        found = _Shot(port, record, act).run()
        port.telescope.note(act.ticket, found)
        return _finished(record, found, act.now())

    def look(record: AnyRecord, ticket: Ticket, now: Callable[[], int]) -> ShotFinished | None:
        found = port.telescope.find(ticket)
        if found is None:
            return None
        if not found.ended:
            reason = f"the worker that ran the shot ended in the step {found.step}"
            found = Found(found.step, True, INTERRUPTED, reason)
        return _finished(record, found, now())

    def failed(record: AnyRecord, reason: str, now: int) -> ShotFinished:
        return _finished(record, Found("", True, FAILED, reason), now)

    def expired(record: AnyRecord, now: int) -> ShotExpired:
        asked = record.event
        return ShotExpired(now, str(record.id), asked.order, asked.valid_until)

    return Worker(
        name="shots",
        version=1,
        reads=(OBSERVATORY.name,),
        writes=(OBSERVATORY.name,),
        requests=(ShotRequested, ShotByHandRequested),
        started=started,
        carry_out=carry_out,
        look=look,
        failed=failed,
        expired=expired,
        progress=(
            TelescopeSetupStarted,
            TelescopeSetupFinished,
            ExposureStarted,
            ExposureFinished,
        ),
        heeds=(ShotAbortRequested,),
        stops=_stops,
    )


def _stops(record: AnyRecord, heard: AnyRecord, begun: int) -> str | None:
    """Say who wants a shot to end; one who named no shot meant none that began later."""
    asked: ShotAbortRequested = heard.event
    if asked.shot != str(record.id) and (asked.shot or asked.time < begun):
        return None
    return f"{asked.who} asked for it: {asked.reason}" if asked.reason else f"{asked.who} asked"


def _finished(record: AnyRecord, found: Found, now: int) -> ShotFinished:
    return ShotFinished(
        now,
        str(record.id),
        record.event.order,
        error=bool(found.kind),
        step=found.step if found.kind else "",
        kind=found.kind,
        reason=found.reason,
        details=found.details,
    )


class _Shot:
    """One shot under way."""

    def __init__(self, port: Port, record: AnyRecord, act: Act) -> None:
        self._telescope, self._files = port
        self._act, self._request = act, str(record.id)
        self._order: ShotOrder = record.event.order
        self._asked, self._step = record.event.time, SET_UP

    def run(self) -> Found:
        """Go through the steps, and return how it ended."""
        try:
            self._set_up()
            for number, seconds in enumerate(self._order.exposures, 1):
                self._expose(number, seconds)
        except ShotFailed as fault:
            return Found(self._step, True, fault.kind, fault.reason, fault.details)
        except OSError as fault:  # of the disk, most often
            return Found(self._step, True, type(fault).__name__, str(fault))
        return Found(self._step, ended=True)

    def _set_up(self) -> None:
        order = self._order
        self._enter(SET_UP)
        self._act.tell(TelescopeSetupStarted(self._act.now(), self._request, order))
        commands = self._files.commands(order)
        self._telescope.set_up(self._act.ticket, order, commands, self._act.stopped)
        self._enter(IMAGE)
        self._files.copy_image(order)
        self._act.tell(TelescopeSetupFinished(self._act.now(), self._request, order))

    def _expose(self, number: int, seconds: float) -> None:
        act, order = self._act, self._order
        self._enter(f"exposure {number}")
        place = self._files.place(order, number, self._asked)
        exposure = Exposure(order, number, seconds, place, act.now(), self._files.there(place))
        act.tell(ExposureStarted(exposure.time, self._request, order, number, seconds))
        had = self._telescope.expose(act.ticket, exposure, act.stopped)
        files = self._files.count(exposure, act.stopped)
        act.tell(ExposureFinished(act.now(), self._request, order, number, had, files))

    def _enter(self, step: str) -> None:
        """Keep which step comes, unless the shot is to end before it."""
        self._step = step
        why = self._act.stopped()
        if why is not None:
            raise ShotFailed(ABORTED, why)
        self._telescope.note(self._act.ticket, Found(step, ended=False))
