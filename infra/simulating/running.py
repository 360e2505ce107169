"""The simulated telescope says what it says, in lock-step with the orchestrator.

Each heartbeat of TCS is a barrier: what is said up to it goes out at once; then the orchestrator's
answer to it is awaited, which stands behind all that it decided until then. The telescope hears
that, and answers at instants behind the heartbeat. So the night is a function of its scenario,
whatever the machine does. One that was killed says everything again, in thought: what is on the log
is not published twice, and the answers of then are there already.
"""

from collections.abc import Callable
from contextlib import closing
from time import monotonic
from typing import Any
from uuid import UUID

from infra.log import topics
from infra.log.cluster import Cluster
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.replay.controls import Transport
from infra.replay.pacing import Pace
from infra.signals import Stop
from infra.simulating.hearing import SOURCE, Hearing, answers
from infra.simulating.images import Images
from infra.simulating.report import Report
from producers.telescope.answering import HEARD, Numbers
from producers.telescope.night import Night
from producers.telescope.scenario import Scenario
from schemas.declare import time_field
from schemas.events.orchestrator import ShotChosen
from schemas.events.services import DecisionFailed
from schemas.record import Provenance
from schemas.topics import OBSERVATORY, QUARANTINE
from schemas.utc import MICROS

_LINGER_MS = 0.2
_LOOK_S = 0.1

Watch = Callable[[float], None]
"""Told how long an answer has been waited for, in s; may raise to end that."""


class Simulation:
    """One night at the simulated telescope, said once."""

    def __init__(
        self,
        cluster: Cluster,
        scenario: Scenario,
        stop: Stop,
        *,
        speed: float,
        closed: bool = True,
        numbers: Numbers | None = None,
        images: Images | None = None,
        watch: Watch = lambda _: None,
        advance: Callable[[int], None] = lambda _: None,
    ) -> None:
        """`cluster` is that of the simulation's namespace; `advance` gets simulated seconds."""
        self._cluster, self._scenario, self._stop = cluster, scenario, stop
        self._images = images
        self._speed, self._closed, self._watch, self._advance = speed, closed, watch, advance
        topics.ensure(cluster, [OBSERVATORY, QUARANTINE])
        source = f"{SOURCE}/{scenario.digest}{'' if closed else '-open'}"
        self._registry = Registry(cluster)
        self._publisher = Publisher(
            cluster, self._registry, OBSERVATORY, source, linger_ms=_LINGER_MS
        )
        self._night = Night(scenario, numbers)
        self._pace: Pace | None = None
        self._began = monotonic()
        self._seq, self._said = 0, -1
        self.report = Report(
            cluster.namespace,
            source,
            "closed" if closed else "open",
            scenario.start,
            scenario.start,
        )

    def run(self) -> Report:
        """Say everything that is not on the log yet; return what came of the night.

        Raises `SimulationTaken`, and `NotAcknowledged` where the log takes no more.
        """
        with closing(Hearing(self._cluster, self._registry, self._publisher.source)) as hearing:
            hearing.catch_up()
            if self._closed and hearing.said < 0:
                self._await(lambda: hearing.is_decided(_LOOK_S))
            self._said = hearing.said
            while self._night.now < self._scenario.end and not self._stop.requested:
                self._say()
                if self._closed and not self._stop.requested:
                    self._listen(hearing)
        self._publisher.flush()
        self.report.complete = self._night.now >= self._scenario.end
        self.report.duration = monotonic() - self._began if self.report.published else 0.0
        return self.report

    def _say(self) -> None:
        """Publish what is said up to the next heartbeat, but for what is on the log already."""
        before, is_new = self._night.now, self._seq > self._said
        for event in self._night.until_heartbeat():
            if self._seq > self._said:
                self._wait_for(event)
                if self._stop.requested:
                    return
            if self._images is not None:  # on the disk before the log says so
                self._images.say(event)
            if self._seq > self._said:
                self._publisher.publish(event, seq=self._seq)
                self.report.published += 1
            self._seq += 1
            self.report.note(event)
        self._publisher.producer.serve()
        self.report.now = self._night.now
        passed = self._night.now - before
        self.report.simulated_anew += passed / MICROS if is_new else 0.0
        self._advance(round(passed / MICROS))

    def _wait_for(self, event: Any) -> None:
        """Wait until it is time for an event: by absolute deadlines from the first one on."""
        time: int = getattr(event, time_field(type(event)))
        if self._pace is None:
            self._began = monotonic()
            self._pace = Pace(Transport(self._speed, time, self._began), monotonic, self._stop.wait)
        self._pace.wait(time, lambda _: False)

    def _listen(self, hearing: Hearing) -> None:
        """Let the telescope hear what was decided up to its last heartbeat, once that is known."""
        number = self._seq - 1
        identity = Provenance(self._publisher.source, number).id_bytes
        began = monotonic()
        self._await(lambda: self._hear(hearing, UUID(bytes=identity)))
        if number > self._said:
            self.report.waits.append((monotonic() - began) * 1000)

    def _hear(self, hearing: Hearing, heartbeat: UUID) -> bool:
        """Take what was said, to the answer to a heartbeat; whether that has come."""
        while (record := hearing.next(_LOOK_S)) is not None:
            event = record.event
            if answers(record, heartbeat):
                self.report.undecided += isinstance(event, DecisionFailed)
                return True
            if isinstance(event, HEARD):
                self._night.hear(str(record.id), event)
                if self._images is not None:
                    self._images.hear(str(record.id), event)
            elif isinstance(event, ShotChosen) and not event.would_have:
                self.report.decisions.append((event.time, event.shotid))
        return False

    def _await(self, came: Callable[[], bool]) -> None:
        began = monotonic()
        while not came() and not self._stop.requested:
            self._publisher.producer.serve()
            self._watch(monotonic() - began)
