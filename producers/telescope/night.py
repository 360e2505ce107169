"""A night at the simulated telescope: what it says by itself, and its answers, in one order.

Who plays it takes what is said up to a heartbeat, finds out what was decided until then, lets the
telescope hear it, and goes on: what comes of it is said at instants behind the heartbeat. So a
night is a function of its scenario and of what is heard at each heartbeat.
"""

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count
from typing import Any

from producers.telescope.answering import SOON, Answers, Numbers
from producers.telescope.pointing import Pointing
from producers.telescope.scenario import Scenario
from producers.telescope.talking import HEARTBEAT, Talker, talkers
from schemas.events.orchestrator import AllowanceChanged
from schemas.events.shot_lists import ShotListLoaded, digest_of
from schemas.events.shots import ShotFinished, TelescopeSetupFinished, TelescopeSetupStarted
from schemas.events.tcs import TcsEvent
from schemas.events.ticks import TimePassed
from schemas.utc import MICROS

WHO = "simulate"


class Night:
    """The simulated telescope in the course of a night; `now` is the last heartbeat's instant."""

    def __init__(self, scenario: Scenario, numbers: Numbers | None = None) -> None:
        self._answers = Answers(scenario.seed, scenario.faults, numbers)
        self._pointing = Pointing()
        self._due: list[tuple[int, int, Any]] = []
        self._order = count()
        self.now = scenario.start
        start = scenario.start
        self._put(start, start)
        for talker in talkers(scenario, self._pointing):
            self._put(start, talker)
        for event in _preparations(scenario):
            self._put(start + SOON, event)

    def until_heartbeat(self) -> Iterator[Any]:
        """Yield what is said next, in order, to TCS's next heartbeat, which is the last of it."""
        while True:
            while (answer := self._answers.due(self._due[0][0])) is not None:
                self._follow(answer)
                yield answer
            time, _, due = heappop(self._due)
            if isinstance(due, Talker):
                self._talk(due, time)
            elif isinstance(due, int):
                self._put(due + MICROS, due + MICROS)
                yield TimePassed(due)
            else:
                yield due
                if isinstance(due, TcsEvent) and due.topic == _HEARTBEAT:
                    self.now = due.data_time
                    return

    def hear(self, request: str, event: Any) -> None:
        """Take note of what was asked, in a record of this id; it is heard at `now`."""
        self._answers.hear(request, event, self.now)

    def _put(self, time: int, what: Any) -> None:
        heappush(self._due, (time, next(self._order), what))

    def _talk(self, talker: Talker, time: int) -> None:
        """Let a talker speak: what it says is due when it is sent."""
        self._put(time + talker.period, talker)
        event = talker.event(time)
        if event is not None:
            self._put(event.wire_time, event)

    def _follow(self, event: Any) -> None:
        """Let the pointing follow a shot."""
        if isinstance(event, TelescopeSetupStarted):
            self._pointing.turn(event.time, event.order.azimuth)
        elif isinstance(event, TelescopeSetupFinished):
            self._pointing.track(event.order)
        elif isinstance(event, ShotFinished):
            self._pointing.park(event.order)


_HEARTBEAT = ".".join(HEARTBEAT)


def _preparations(scenario: Scenario) -> Iterator[Any]:
    """Yield what people do before shots can be run: load the list, allow shots."""
    time = scenario.start + SOON
    if scenario.shots:
        digest = digest_of(scenario.shots)
        yield ShotListLoaded(time, scenario.name, digest, scenario.shots, WHO)
    if scenario.allowed:
        yield AllowanceChanged(time, WHO, True, WHO)
