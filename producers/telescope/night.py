"""A night at the simulated telescope: what it says by itself, and its answers, in one order.

Who plays it takes what is said up to a heartbeat, finds out what was decided until then, lets the
telescope hear it, and goes on: what comes of it is said at instants behind the heartbeat. So a
night is a function of its scenario and of what is heard at each heartbeat.
"""

from collections import Counter
from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from itertools import count
from random import Random
from typing import Any, NamedTuple, Protocol

from producers.telescope.pointing import Pointing
from producers.telescope.scenario import Scenario
from producers.telescope.shots import Shot, course, ended
from producers.telescope.talking import HEARTBEAT, Talker, talkers
from schemas.events.observation_numbers import (
    ObservationNumberExpired,
    ObservationNumberRequested,
    ObservationNumberStarted,
    ObservationNumberTaken,
)
from schemas.events.orchestrator import AllowanceChanged
from schemas.events.schedules import ScheduleFailed, ScheduleRequested
from schemas.events.shot_lists import ShotListLoaded, digest_of
from schemas.events.shots import (
    ShotAbortRequested,
    ShotExpired,
    ShotFinished,
    ShotRequested,
    TelescopeSetupFinished,
    TelescopeSetupStarted,
)
from schemas.events.tcs import TcsEvent
from schemas.events.ticks import TimePassed
from schemas.nights import observing_date
from schemas.utc import MICROS

WHO = "simulate"
HEARD = (ShotRequested, ShotAbortRequested, ObservationNumberRequested, ScheduleRequested)
"""Classes of events that the telescope takes for asked of it."""

_SOON = 200_000
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


class Night:
    """The simulated telescope in the course of a night; `now` is the last heartbeat's instant."""

    def __init__(self, scenario: Scenario, numbers: Numbers | None = None) -> None:
        self._scenario, self._numbers = scenario, numbers or ThrowAway()
        self._pointing = Pointing()
        self._due: list[tuple[int, int, Any]] = []
        self._order = count()
        self._shots = 0
        self._under_way: Shot | None = None
        self.now = scenario.start
        start = scenario.start
        self._put(start, start)
        for talker in talkers(scenario, self._pointing):
            self._put(start, talker)
        for event in _preparations(scenario):
            self._put(start + _SOON, event)

    def until_heartbeat(self) -> Iterator[Any]:
        """Yield what is said next, in order, to TCS's next heartbeat, which is the last of it."""
        while True:
            time, _, due = heappop(self._due)
            if isinstance(due, Talker):
                self._talk(due, time)
            elif isinstance(due, int):
                self._put(due + MICROS, due + MICROS)
                yield TimePassed(due)
            else:
                self._act(due)
                yield due
                if isinstance(due, TcsEvent) and due.topic == _HEARTBEAT:
                    self.now = time
                    return

    def hear(self, request: str, event: Any) -> None:
        """Take note of what was asked, in a record of this id; it is heard at `now`."""
        time = self.now + _SOON
        if isinstance(event, ShotRequested):
            self._shoot(request, event, time)
        elif isinstance(event, ShotAbortRequested):
            self._abort(event, time)
        elif isinstance(event, ObservationNumberRequested):
            self._number(request, event, time)
        elif isinstance(event, ScheduleRequested):
            self._propose(request, time)

    def _put(self, time: int, what: Any) -> None:
        heappush(self._due, (time, next(self._order), what))

    def _talk(self, talker: Talker, time: int) -> None:
        """Let a talker speak: what it says is due when it is sent."""
        self._put(time + talker.period, talker)
        event = talker.event(time)
        if event is not None:
            self._put(event.wire_time, event)

    def _act(self, event: Any) -> None:
        """Let the telescope do what is reported."""
        if isinstance(event, TelescopeSetupStarted):
            self._pointing.turn(event.time, event.order.azimuth)
        elif isinstance(event, TelescopeSetupFinished):
            self._pointing.track(event.order)
        elif isinstance(event, ShotFinished):
            self._pointing.park()
            self._under_way = None

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
        chance = Random(f"{self._scenario.seed}/shot/{self._shots}")  # noqa: S311 a simulation
        for event in course(shot, time, chance, self._scenario.faults):
            self._put(event.time, event)

    def _abort(self, asked: ShotAbortRequested, time: int) -> None:
        shot = self._under_way
        if shot is None or asked.shot not in {"", shot.request}:
            return
        self._due = [due for due in self._due if getattr(due[2], "request", "") != shot.request]
        heapify(self._due)
        self._under_way = None
        self._pointing.park()
        reason = f"{asked.who} asked for it: {asked.reason}"
        self._put(time, ended(shot, time, "Aborted", reason))

    def _number(self, request: str, asked: ObservationNumberRequested, time: int) -> None:
        if time > asked.valid_until:
            until = asked.valid_until
            self._put(time, ObservationNumberExpired(time, request, asked.shot, until))
            return
        number = self._numbers.take(request, observing_date(asked.date_time), asked.inst)
        self._put(time, ObservationNumberStarted(time, request))
        time += _SOON // 10
        self._put(time, ObservationNumberTaken(time, request, asked.shot, *number))

    def _propose(self, request: str, time: int) -> None:
        reason = "a simulation calls no external scheduler; set orchestrator.scheduler to builtin"
        self._put(time, ScheduleFailed(time, request, reason))


_HEARTBEAT = ".".join(HEARTBEAT)


def _preparations(scenario: Scenario) -> Iterator[Any]:
    """Yield what people do before shots can be run: load the list, allow shots."""
    time = scenario.start + _SOON
    if scenario.shots:
        digest = digest_of(scenario.shots)
        yield ShotListLoaded(time, scenario.name, digest, scenario.shots, WHO)
    if scenario.allowed:
        yield AllowanceChanged(time, WHO, True, WHO)
