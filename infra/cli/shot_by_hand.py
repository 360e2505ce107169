"""A shot by hand on its way: asked for, carried out by whoever has the telescope, told in lines."""

import sys
from collections.abc import Iterator
from time import monotonic, sleep
from uuid import UUID

import typer

from infra.cli.rebuild import login_name
from infra.clock import fresh_id, utc_micros
from infra.database.seats import SeatStore
from infra.indexing import open_database
from infra.log import reading, topics
from infra.log.cluster import connect
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.namespaces import in_words, replay_of
from infra.orchestrating.asking import Asker, Patience, Question
from infra.serving import roles
from infra.serving.hearing import Ear
from infra.settings import Settings
from infra.signals import Stop, stopping
from infra.simulating.place import refuse_worker
from infra.telescope import telling, under_way
from infra.telescope.member import Member
from infra.telescope.under_way import Shots
from schemas import utc
from schemas.errors import EvctlError
from schemas.events.orchestrator import PRESENCE
from schemas.events.services import ServiceTookOver
from schemas.events.shots import (
    ShotAbortRequested,
    ShotByHandRequested,
    ShotExpired,
    ShotFinished,
    ShotOrder,
)
from schemas.record import AnyRecord, Position, Provenance
from schemas.repeats import Repeats
from schemas.topics import OBSERVATORY
from schemas.utc import MICROS

START_S = 30.0
"""So long a request is valid where nothing is in its way: a dead member of the group is missed."""

_LOOK_S = 0.05
_SLOW_S = 5.0
_SEAT_S = 20.0
CTRL_C = 130


class NotInReplay(EvctlError):
    """A shot by hand is asked for in a replay."""

    exit_code = 2

    def __init__(self, namespace: str) -> None:
        super().__init__(
            f"In {in_words(namespace)} the past is played, and no shot is run by hand: leave "
            "--namespace away."
        )
        self.namespace = namespace


class TelescopeBusy(EvctlError):
    """Another shot has the telescope."""

    exit_code = 75

    def __init__(self, shots: Shots) -> None:
        super().__init__(
            f"The telescope is not free: {shots}. Nothing was requested; give --wait SECONDS to "
            "come after it, or end it with `evctl shot abort`."
        )
        self.shots = shots


class SeatElsewhere(EvctlError):
    """The group has a member that keeps its seat in another database."""

    exit_code = 78

    def __init__(self) -> None:
        super().__init__(
            "Another process runs the worker `shots`, and keeps its seat in another database than "
            "database.url names: use the same settings on both sides. Nothing was requested."
        )


class ShotNotDone(EvctlError):
    """A shot was not carried out, or failed."""

    def __init__(self, end: ShotFinished | ShotExpired) -> None:
        super().__init__(f"{telling.said(end)}.")
        self.exit_code = 75 if isinstance(end, ShotExpired) else 1
        self.end = end


class NobodyBegan(EvctlError):
    """A request was not even answered as too late."""

    exit_code = 75

    def __init__(self, shotid: str, valid_until: int) -> None:
        super().__init__(
            f"Nobody began {shotid} before {utc.iso(valid_until)}, and nobody will after it: the "
            "telescope is still at another shot, or the worker that has it does not answer."
        )
        self.shotid = shotid


class ByHand:
    """One shot; `wait` (s) is how long it may wait for others, `patience` for an orchestrator."""

    def __init__(
        self, site: Settings, order: ShotOrder, wait: float | None, patience: float | None
    ) -> None:
        if replay_of(site.log.namespace):
            raise NotInReplay(site.log.namespace)
        refuse_worker(under_way.WORKER, site.log.namespace)
        self._site, self._order = site, order
        self._wait, self._patience = wait, patience
        self._cast = roles.cast(under_way.WORKER, site)
        self._cluster = connect(site)
        topics.ensure(self._cluster, [OBSERVATORY])
        self._registry, self._who = Registry(self._cluster), login_name()
        self._publisher = Publisher(
            self._cluster, self._registry, OBSERVATORY, f"hand-{fresh_id()}", linger_ms=0
        )
        self._request = UUID(bytes=Provenance(self._publisher.source, 0).id_bytes)
        self._valid_until = 0

    def run(self) -> None:
        """Run it to its end; raise `ShotNotDone` unless that is good."""
        with stopping() as stop:
            if self._patience is not None:
                question = Question(PRESENCE, "", self._who)
                Asker(self._site, self._cluster).ask(question, Patience(1, self._patience), stop)
            member = Member(self._site, self._cast)
            try:
                end = self._carried_out(member, stop)
            finally:
                _ended(member)
        good = isinstance(end, ShotFinished) and not end.error
        if not good and stop.requested:
            raise typer.Exit(stop.exit_code)
        if not good:
            raise ShotNotDone(end)

    def _carried_out(self, member: Member, stop: Stop) -> ShotFinished | ShotExpired:
        self._settle(member, stop)
        place = under_way.place_of(self._cluster)
        end = reading.whole(self._cluster, [place])[place][1]
        classes = (*telling.EVENTS, ServiceTookOver)
        ear = Ear(self._cluster, self._registry, Position(*place, end - 1), classes)
        try:
            member.end_after(self._request)
            self._ask()
            return self._followed(ear, member, stop)
        finally:
            ear.close()

    def _settle(self, member: Member, stop: Stop) -> None:
        """Wait until somebody has the telescope's seat; raise `TelescopeBusy`, `SeatElsewhere`."""
        database, began = open_database(self._site), monotonic()
        seats = SeatStore(database, self._cluster.namespace)
        while not (member.settled() and self._is_free(seats)):
            if stop.wait(_LOOK_S):
                typer.echo("evctl: stopped: nothing was requested", err=True)
                raise typer.Exit(stop.exit_code)
            if member.settled() and monotonic() - began > _SEAT_S:
                raise SeatElsewhere
        database.close()

    def _is_free(self, seats: SeatStore) -> bool:
        """Whether the worker has its seat, and no other shot is in the way, or that may be."""
        shots = under_way.shots(self._cluster, self._registry, seats, utc_micros())
        if shots is not None and shots.all:
            if self._wait is None:
                raise TelescopeBusy(shots)
            typer.echo(f"evctl: the telescope is not free: {shots}; waiting", err=True)
        return shots is not None

    def _ask(self) -> None:
        """Ask for the shot, which is valid for as long as may be waited for others."""
        now = utc_micros()
        self._valid_until = now + round((START_S + (self._wait or 0)) * MICROS)
        self._publish(ShotByHandRequested(now, self._order, self._who, self._valid_until))

    def _publish(self, event: object) -> None:
        self._publisher.publish(event)
        self._publisher.flush()

    def _followed(self, ear: Ear, member: Member, stop: Stop) -> ShotFinished | ShotExpired:
        """Tell what becomes of the request until its end."""
        begun, aborted = False, 0.0
        repeats = Repeats()
        while True:
            for record in _of(self._request, ear, repeats):
                for line in telling.lines(record):
                    typer.echo(line)
                sys.stdout.flush()
                begun = True
                if isinstance(record.event, telling.ENDS):
                    return record.event
            if stop.requested and not aborted:
                aborted = self._abort("Ctrl+C" if stop.exit_code == CTRL_C else "SIGTERM")
            if not begun:
                self._check_patience(aborted, stop)
            member.settled()  # raises what has ended it
            self._cluster.check()
            sleep(_LOOK_S)

    def _abort(self, why: str) -> float:
        typer.echo(f"evctl: {why}: the shot is being aborted; a second one does not wait", err=True)
        self._publish(ShotAbortRequested(utc_micros(), str(self._request), self._who, why))
        return monotonic()

    def _check_patience(self, aborted: float, stop: Stop) -> None:
        """End the wait for a beginning where it was aborted, or can't come any more."""
        if aborted and monotonic() - aborted > _SLOW_S:
            typer.echo("evctl: it had not begun; whoever comes to it ends it at once", err=True)
            raise typer.Exit(stop.exit_code)
        if utc_micros() > self._valid_until + START_S * MICROS:
            raise NobodyBegan(self._order.shotid, self._valid_until)


def _of(request: UUID, ear: Ear, repeats: Repeats) -> Iterator[AnyRecord]:
    """Yield what is said of a request; not by an instance that had been replaced."""
    for record in ear.heard():
        if not repeats.has(record) and getattr(record.event, "request", "") == str(request):
            yield record


def _ended(member: Member) -> None:
    """End the worker, which may have begun what others have asked for."""
    member.end()
    if not member.ended(_SLOW_S):
        typer.echo("evctl: this process still carries out a shot, and ends with it", err=True)
        while not member.ended(_SLOW_S):
            pass
