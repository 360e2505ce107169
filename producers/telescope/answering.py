"""What comes of what is asked of the telescope: shots, numbers, proposals, each at its time."""

from collections import Counter
from heapq import heapify, heappop, heappush
from itertools import count
from random import Random
from typing import Any, NamedTuple, Protocol

from producers.telescope.faults import NONE, Faults
from producers.telescope.shots import Shot, course, ended
from schemas.events.observation_numbers import (
    ObservationNumberExpired,
    ObservationNumberFailed,
    ObservationNumberRequested,
    ObservationNumberStarted,
    ObservationNumberTaken,
)
from schemas.events.schedules import (
    ScheduleExpired,
    ScheduleFailed,
    ScheduleRequested,
    ScheduleStarted,
    ShotProposed,
)
from schemas.events.shots import (
    ExposureFinished,
    ExposureStarted,
    ShotAbortRequested,
    ShotExpired,
    ShotFinished,
    ShotRequested,
    ShotStarted,
    TelescopeSetupFinished,
    TelescopeSetupStarted,
)
from schemas.nights import observing_date

HEARD = (ShotRequested, ShotAbortRequested, ObservationNumberRequested, ScheduleRequested)
"""Classes of events that the telescope takes for asked of it."""

PLAYED: frozenset[type] = frozenset(
    {
        *(ObservationNumberStarted, ObservationNumberTaken, ObservationNumberFailed),
        *(ObservationNumberExpired, ScheduleStarted, ShotProposed, ScheduleFailed, ScheduleExpired),
        *(ShotStarted, TelescopeSetupStarted, TelescopeSetupFinished, ExposureStarted),
        *(ExposureFinished, ShotFinished, ShotExpired),
    }
)
"""Classes of events that say what came of that; workers say them live."""

SOON = 200_000
"""How long after it heard of it the telescope begins with something, µs."""


class Number(NamedTuple):
    """An observation number as it was given out, and how."""

    obsdate: str
    obsnum: int
    inst: str
    recorded: bool
    row_id: int | None


class Numbers(Protocol):
    """Where observation numbers come from; a request that asks again gets the same."""

    def take(self, request: str, obsdate: str, inst: str) -> Number: ...


class ThrowAway:
    """Numbers of a simulation: 1, 2, 3 … of each date, kept nowhere."""

    def __init__(self) -> None:
        self._last: Counter[str] = Counter()

    def take(self, _: str, obsdate: str, inst: str) -> Number:
        """Return the date's next number."""
        self._last[obsdate] += 1
        return Number(obsdate, self._last[obsdate], inst or "virus", True, None)


class Answers:
    """What the telescope still has to say to what it heard, by time; it plays the workers."""

    def __init__(self, seed: int, faults: Faults = NONE, numbers: Numbers | None = None) -> None:
        self._seed, self._faults, self._numbers = seed, faults, numbers or ThrowAway()
        self._due: list[tuple[int, int, Any]] = []
        self._order = count()
        self._shots = 0
        self._under_way: Shot | None = None

    def hear(self, request: str, event: Any, now: int) -> None:
        """Take note of what was asked, at `now` (µs UTC), in a record of this id."""
        time = now + SOON
        if isinstance(event, ShotRequested):
            self._shoot(request, event, time)
        elif isinstance(event, ShotAbortRequested):
            self._abort(event, time)
        elif isinstance(event, ObservationNumberRequested):
            self._number(request, event, time)
        elif isinstance(event, ScheduleRequested):
            self._propose(request, time)

    def due(self, time: int) -> Any | None:
        """Return what is to be said next if that is before an instant; it is said then."""
        if not self._due or self._due[0][0] >= time:
            return None
        event = heappop(self._due)[2]
        if isinstance(event, ShotFinished) and self._under_way is not None:
            over = event.request == self._under_way.request
            self._under_way = None if over else self._under_way
        return event

    def _put(self, time: int, event: Any) -> None:
        heappush(self._due, (time, next(self._order), event))

    def _shoot(self, request: str, asked: ShotRequested, time: int) -> None:
        shot = Shot(request, asked.order)
        if time > asked.valid_until:
            self._put(time, ShotExpired(time, *shot, asked.valid_until))
            return
        if self._under_way is not None:
            reason = f"The telescope is busy with {self._under_way.order.shotid}."
            self._put(time, ended(shot, time, "TelescopeBusy", reason))
            return
        self._under_way = shot
        self._shots += 1
        chance = Random(f"{self._seed}/shot/{self._shots}")  # noqa: S311 a simulation
        for event in course(shot, time, chance, self._faults):
            self._put(event.time, event)

    def _abort(self, asked: ShotAbortRequested, time: int) -> None:
        shot = self._under_way
        if shot is None or asked.shot not in {"", shot.request}:
            return
        self._due = [due for due in self._due if getattr(due[2], "request", "") != shot.request]
        heapify(self._due)
        self._under_way = None
        reason = f"{asked.who} asked for it: {asked.reason}"
        self._put(time, ended(shot, time, "Aborted", reason))

    def _number(self, request: str, asked: ObservationNumberRequested, time: int) -> None:
        if time > asked.valid_until:
            until = asked.valid_until
            self._put(time, ObservationNumberExpired(time, request, asked.shot, until))
            return
        number = self._numbers.take(request, observing_date(asked.date_time), asked.inst)
        self._put(time, ObservationNumberStarted(time, request))
        time += SOON // 10
        self._put(time, ObservationNumberTaken(time, request, asked.shot, *number))

    def _propose(self, request: str, time: int) -> None:
        reason = "a simulation calls no external scheduler; set orchestrator.scheduler to builtin"
        self._put(time, ScheduleFailed(time, request, reason))
