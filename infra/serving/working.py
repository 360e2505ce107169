"""A worker at its seat: requests of one input partition, carried out one after the other.

The log has a request's beginning before the world is touched, and what came of it afterwards. An
instance that finds a beginning without an end asks the world before it does anything.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from time import sleep
from typing import Any, NamedTuple

from consumers import Act, Away, Refused, Ticket, Worker
from infra.dying import Point, reach
from infra.serving.clocks import Clock, TrueClock
from infra.serving.hearing import Ear
from infra.serving.outputs import NotWritten, Outputs, reason
from infra.serving.recorded import Recorded, provenance_of
from schemas.errors import EvctlError
from schemas.events.services import ServiceTookOver
from schemas.record import AnyRecord, Position
from schemas.utc import MICROS, iso

_LOGGER = logging.getLogger("evctl.serving")
_LOOK_S = 30
"""How long a look waits at least for a world that is away."""

_RETRY_S = 0.5
_STARTED = 0
"""The number of a request's beginning among its effects; progress and end have those behind."""

_Stopped = Callable[[], str | None]
Meanwhile = Callable[["Future[Any]"], bool]
"""Keeps the member of the group alive until a future is done; false if the seat was lost."""


class Around(NamedTuple):
    """What a worker at its seat needs of the member of the group that it is.

    `hear` listens to the records of a position's partition behind it, to those of some classes;
    `ending` tells whether the member was asked to end.
    """

    meanwhile: Meanwhile
    hear: Callable[[Position, tuple[type, ...]], Ear]
    ending: Callable[[], bool]


class SeatLost(Exception):
    """Another instance may have the seat by now; what came of a request is for it to find out."""


class PutOff(Exception):
    """The member is to end while the world is away: the next instance goes on with the request."""

    def __init__(self, worker: str, record: AnyRecord) -> None:
        super().__init__(
            f"{worker} ends while it waits: the next one carries {record.position} out, if that is "
            f"before {iso(record.event.valid_until)}."
        )


class WorldAway(EvctlError):
    """The world does not say what came of a request, which can't be answered before."""

    exit_code = 75

    def __init__(self, worker: str, record: AnyRecord, fault: Exception) -> None:
        self.worker, self.position = worker, record.position
        self.reason = reason(fault).rstrip(".")
        super().__init__(
            f"{worker} can't see what came of {record.position}: {self.reason}. Mend "
            "that; started again, it looks again before it does or says anything."
        )


class Carrier:
    """Carries out the requests of one partition; those of a replay by its clock only."""

    def __init__(
        self,
        worker: Worker,
        source: str,
        epoch: int,
        decides_from: int,
        outputs: Outputs,
        around: Around,
        clock: Clock | None = None,
    ) -> None:
        self._clock = clock or TrueClock()
        self._worker, self._source, self._epoch = worker, source, epoch
        self._decides_from, self._outputs, self._around = decides_from, outputs, around
        self._number = _STARTED + 1

    def is_own(self, record: AnyRecord) -> bool:
        """Whether a record is the worker's own: such are no requests."""
        event, provenance = record.event, record.provenance
        if isinstance(event, ServiceTookOver):
            return event.service == self._worker.name
        return provenance.source.partition("/")[0] == self._worker.name

    def handle(self, record: AnyRecord, recorded: Recorded | None = None) -> None:
        """Carry out a request, unless the log has what came of it; raise `SeatLost`."""
        self._clock.hear(record)
        offset = record.position.offset
        found = recorded.take(offset) if recorded is not None else []
        there = {one.number: one.record.event for one in found if one.cause == offset}
        if not isinstance(record.event, self._worker.requests) or self._ends(there):
            return
        if record.standing:
            return  # from before a replay's start
        self._number = max(there, default=_STARTED) + 1
        if there:
            self._end(record, self._go_on(record, told=bool({*there} - {_STARTED})))
        elif offset >= self._decides_from and self._is_of_another_time(record):
            self._refuse(record)
        elif offset >= self._decides_from:
            self._begin(record)

    def _ends(self, there: Mapping[int, Any]) -> bool:
        """Whether the last of a request's effects tells what came of it."""
        last = max(there, default=_STARTED)
        return last > _STARTED and not isinstance(there[last], self._worker.progress)

    def state_bytes(self) -> bytes:
        """Return nothing: what a worker has to know is on the log."""
        return b""

    def opening(self, _: int) -> None:
        """Say nothing: a worker that begins again has no past but the log's."""

    closing = opening

    def _is_of_another_time(self, record: AnyRecord) -> bool:
        return record.provenance.replay is not None and not self._clock.of_replay

    def _refuse(self, record: AnyRecord) -> None:
        """Do nothing in the world for a replay, wherever its record has got to."""
        reason = f"it is of the replay {record.provenance.replay}, and the world is not touched"
        _LOGGER.warning("%s refuses %s: %s", self._worker.name, record.position, reason)
        self._end(record, self._worker.failed(record, reason, self._clock.now()))

    def _begin(self, record: AnyRecord) -> None:
        now = self._clock.now()
        if now > record.event.valid_until:
            # an instance that was replaced may be about to act still: from this look on it can't
            seen = self._look(record, Ticket(record.id, self._epoch))
            self._end(record, seen or self._worker.expired(record, now))
            return
        self._report(record, _STARTED, self._worker.started(record, now))
        self._outputs.flush()  # on the log before the world is touched
        reach(Point.WORK_STARTED)
        came = self._carry_out(record)
        reach(Point.WORK_DONE)
        self._end(record, came)

    def _go_on(self, record: AnyRecord, *, told: bool) -> Any:
        """Return what came of a request that an instance before has begun.

        Where that one told of its progress, and the world knows nothing of it, nothing is done.
        """
        ticket = Ticket(record.id, self._epoch)
        seen = self._look(record, ticket)
        if seen is not None:
            return seen
        now = self._clock.now()
        if told:
            reason = "it was begun, and the world knows nothing of it: it is not carried out again"
            return self._worker.failed(record, reason, now)
        if now > record.event.valid_until:
            return self._worker.expired(record, now)
        return self._carry_out(record)

    def _carry_out(self, record: AnyRecord) -> Any:
        ticket = Ticket(record.id, self._epoch)
        try:
            with self._heeding(record) as (now, stopped):
                act = Act(ticket, now, partial(self._tell_progress, record), stopped)
                until = record.event.valid_until
                return self._patiently(until, now, self._worker.carry_out, record, act)
        except Away as away:
            why = f"{away} The request was valid until {iso(record.event.valid_until)}."
            return self._worker.failed(record, why, self._clock.now())
        except Refused as refused:  # maybe since it is done already, or we were replaced
            return self._seen(record, ticket, str(refused))
        except (SeatLost, PutOff, MemoryError):
            raise
        except Exception as fault:  # noqa: BLE001 of the world or the port: it may have happened
            self._tell(record, fault)
            return self._seen(record, ticket, reason(fault))

    @contextmanager
    def _heeding(self, record: AnyRecord) -> Iterator[tuple[Callable[[], int], _Stopped]]:
        """Give what says the present, and what says why the act has to end.

        Both go by the records behind the request, which the seat reads only afterwards.
        """
        heeds = (*self._worker.heeds, *self._clock.heeds)
        if not heeds:
            yield self._clock.now, lambda: None
            return
        heeding = _Heeding(
            self._worker, record, self._clock, self._around.hear(record.position, heeds)
        )
        try:
            yield heeding.now, heeding.stopped
        finally:
            heeding.close()

    def _tell_progress(self, record: AnyRecord, event: Any) -> None:
        if not isinstance(event, self._worker.progress):
            raise NotWritten(type(event), self._worker.progress)
        self._report(record, self._number, event)
        self._number += 1
        self._outputs.flush()

    def _end(self, record: AnyRecord, event: Any) -> None:
        self._report(record, self._number, event)

    def _seen(self, record: AnyRecord, ticket: Ticket, why: str) -> Any:
        """Return what the world shows of a request; else, or if it is silent, the failure."""
        try:
            seen = self._look(record, ticket)
        except WorldAway as fault:
            _LOGGER.error("%s", fault)  # noqa: TRY400 the sentence has the reason
            seen, why = None, f"{why.rstrip('.')}; it can't be seen what came of it: {fault.reason}"
        return seen or self._worker.failed(record, why, self._clock.now())

    def _tell(self, record: AnyRecord, fault: Exception) -> None:
        """Say what went wrong; where it was the world, as most often, without our own lines."""
        said, of_world = "%s failed to carry out %s: %s", isinstance(fault, OSError)
        _LOGGER.error(said, self._worker.name, record.position, fault, exc_info=not of_world)

    def _look(self, record: AnyRecord, ticket: Ticket) -> Any | None:
        """Return what the world shows of a request; raise `WorldAway` where it can't be asked.

        Raises `SeatLost` if it knows a later epoch.
        """
        now = self._clock.now
        until = max(record.event.valid_until, now() + _LOOK_S * MICROS)
        try:
            return self._patiently(until, now, self._worker.look, record, ticket, now)
        except Refused as refused:
            _LOGGER.warning("%s is refused a look: %s", self._worker.name, refused)
            raise SeatLost from refused
        except (SeatLost, PutOff, MemoryError):
            raise
        except Exception as fault:
            raise WorldAway(self._worker.name, record, fault) from fault

    def _patiently(
        self, until: int, now: Callable[[], int], act: Callable[..., Any], *arguments: Any
    ) -> Any:
        """Return what `act` does, tried again while the world is away, until then (µs UTC).

        Raises `PutOff` where the member is to end meanwhile.
        """
        record: AnyRecord = arguments[0]

        def attempts() -> Any:
            while True:
                try:
                    return act(*arguments)
                except Away:
                    if self._around.ending():
                        raise PutOff(self._worker.name, record) from None
                    sleep(_RETRY_S)
                    if now() > until:
                        raise

        return self._in_thread(attempts)

    def _in_thread(self, act: Callable[..., Any], *arguments: Any) -> Any:
        """Return what `act` does; the member of the group goes on polling meanwhile."""
        with ThreadPoolExecutor(1, thread_name_prefix=self._worker.name) as pool:
            future = pool.submit(act, *arguments)
            if not self._around.meanwhile(future):
                raise SeatLost
            return future.result()

    def _report(self, record: AnyRecord, index: int, event: Any) -> None:
        provenance = provenance_of(self._source, self._epoch, record, index)
        self._outputs.send(self._outputs.encoded(event), provenance)


class _Heeding:
    """What is heard while an act goes on."""

    def __init__(self, worker: Worker, record: AnyRecord, clock: Clock, ear: Ear) -> None:
        self._worker, self._record = worker, record
        self._clock, self._ear = clock, ear
        self._begun = clock.now()
        self._why: str | None = None

    def now(self) -> int:
        """Return the present, µs UTC."""
        self._listen()
        return self._clock.now()

    def stopped(self) -> str | None:
        """Return why the act has to end, from the first reason on."""
        self._listen()
        return self._why

    def close(self) -> None:
        """Hear nothing more."""
        self._ear.close()

    def _listen(self) -> None:
        for heard in self._ear.heard():
            self._clock.hear(heard)
            if self._why is None and isinstance(heard.event, self._worker.heeds):
                self._why = self._worker.stops(self._record, heard, self._begun)
