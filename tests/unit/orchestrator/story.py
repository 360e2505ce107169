"""A story told to the orchestrator, record by record, and what it says to it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from consumers import Service
from consumers.orchestrator import service
from consumers.orchestrator.state import State
from infra.serving import roles
from infra.settings import Settings
from schemas.declare import time_field
from schemas.events.observation_numbers import ObservationNumberRequested, ObservationNumberTaken
from schemas.events.orchestrator import AllowanceChanged, OrchestratorStarted
from schemas.events.services import SettingsTookEffect
from schemas.events.shot_lists import Shot, ShotListLoaded, digest_of
from schemas.events.shots import (
    ExposureStarted,
    ShotFinished,
    ShotOrder,
    ShotRequested,
    ShotStarted,
)
from schemas.events.tcs import TcsEvent
from schemas.events.ticks import TimePassed
from schemas.record import AnyRecord, Position, Provenance, Record
from schemas.utc import MICROS, parse

E = TypeVar("E")

MIDNIGHT = parse("2019-03-07T07:00:00Z")
"""A dark moment at HET: the moon set long ago."""

# sidereal time there is about 10.9 h then; the shot leads it by 2.7 h in the east
SHOT = Shot("DEX1", 13.6, 32.5, 2, 1, 1, None, {"QIFU": "000"})
SETTINGS = roles.given(Settings(), "orchestrator")


class Story:
    """Records of one partition, and the decisions about them."""

    def __init__(self, told: Service[State] | None = None, now: int = MIDNIGHT) -> None:
        self.service = service() if told is None else told
        self.state: State = self.service.initial
        self.now, self.said = now, list[AnyRecord]()
        self._offset = 0

    def tell(self, *events: Any) -> Sequence[Any]:
        """Tell events at the present, and return what is decided from them."""
        return [said.event for event in events for said in self._one(event)]

    def _one(self, event: Any) -> Sequence[AnyRecord]:
        position, time = Position("observatory", 0, self._offset), _time(event)
        self._offset += 1
        record = Record(event, Provenance("x", position.offset), event.record_key, time, position)
        decided = self.service.decide(self.state, record)
        self.state = self.service.evolve(self.state, record)
        records = []
        for index, effect in enumerate(decided):
            seq = position.offset << 16 | index
            provenance = Provenance(
                f"{self.service.name}/observatory/0", seq, cause=record.id, epoch=1
            )
            own = Record(effect, provenance, effect.record_key, _time(effect), position)
            self.state = self.service.evolve(self.state, own)
            records.append(own)
        self.said += records
        return records

    def request_of(self, cls: type) -> str:
        """Return the id of the last event of a class that was decided."""
        return str(next(one.id for one in reversed(self.said) if isinstance(one.event, cls)))

    def of(self, cls: type[E]) -> Sequence[E]:
        """Return all that was decided of a class."""
        return [one.event for one in self.said if isinstance(one.event, cls)]

    # What happens at an observatory

    def settings(self, **changed: str) -> Sequence[Any]:
        """Put the shipped settings in force, but for these."""
        values = {**SETTINGS, **changed}
        return self.tell(SettingsTookEffect(self.now, self.service.name, values, ""))

    def wait(self, seconds: float, heartbeat: bool = True) -> Sequence[Any]:
        """Let time pass, with a tick and a heartbeat each second."""
        said: list[Any] = []
        for _ in range(round(seconds)):
            self.now += MICROS
            said += self.tell(TimePassed(self.now))
            if heartbeat:
                said += self.tell(self.tcs("tcs.receiver.heartbeat"))
        return said

    def tcs(self, name: str, **values: Any) -> TcsEvent:
        """Return an event of TCS, of now."""
        system, source, key = name.split(".")
        return TcsEvent(self.now, self.now, system, source, key, False, values, {})

    def measure(self, seeing: Any = 1.5, clear: Any = 0.8, sky: Any = 21.0) -> Sequence[Any]:
        """Let a guider measure."""
        values = {
            "image_quality": seeing,
            "transparency": clear,
            "photometry.fixed_skymag": sky,
        }
        return self.tell(self.tcs("pas.Guider1.metrology_data", **values))

    def allow(self, allowed: bool = True) -> Sequence[Any]:
        """Allow shots, or not."""
        return self.tell(AllowanceChanged(self.now, "token", allowed, "ra"))

    def load(self, *shots: Shot, visits_left: bool = False) -> Sequence[Any]:
        """Load a list of shots."""
        digest = digest_of(shots)
        return self.tell(ShotListLoaded(self.now, "shots.txt", digest, shots, "ra", visits_left))

    def begin(self, *shots: Shot, **settings: str) -> None:
        """Have everything as it has to be, but for the sky's measurements."""
        self.settings(**settings)
        self.tell(OrchestratorStarted(self.now, recovery=False))
        self.load(*(shots or (SHOT,)))
        self.allow()
        self.wait(1)

    def good_sky(self) -> Sequence[Any]:
        """Measure as often as is needed, and return what was decided."""
        return [said for _ in range(3) for said in self.measure()]

    def number(self, obsnum: int = 7) -> Sequence[Any]:
        """Give the number that was asked for."""
        request = self.request_of(ObservationNumberRequested)
        shot = self.of(ObservationNumberRequested)[-1].shot
        taken = ObservationNumberTaken(self.now, request, shot, "2019-03-07", obsnum, "virus", True)
        return self.tell(taken)

    def run(self, *, error: bool = False) -> Sequence[Any]:
        """Run the shot that was asked for."""
        request, order = self.request_of(ShotRequested), self.of(ShotRequested)[-1].order
        said = [*self.tell(ShotStarted(self.now, request, order))]
        said += self.tell(ExposureStarted(self.now, request, order, 1, 360.0))
        self.wait(1)
        self.measure()
        return [*said, *self.tell(finished(self.now, request, order, error=error))]


def finished(now: int, request: str, order: ShotOrder, *, error: bool = False) -> ShotFinished:
    """Return the end of a shot."""
    if error:
        said = "set-up", "SetupFailed", "it stuck", ""
        return ShotFinished(now, request, order, True, *said)
    return ShotFinished(now, request, order, False, "", "", "", "")


def order_by_hand() -> ShotOrder:
    """Return the order of a shot by hand that is not to be followed."""
    return ShotOrder("HAND1", 501, 9.5, -4.25, 120.0, 0, [360.0] * 3, {}, True, False)


def with_id(shot: Shot, shotid: str, **changed: Any) -> Shot:
    """Return a shot under another name."""
    return replace(shot, shotid=shotid, **changed)


def states(said: Sequence[Any]) -> Mapping[str, str]:
    """Return the last state of each machine that was said to change."""
    return {one.machine: one.new for one in said if type(one).__name__ == "StateChanged"}


def _time(event: Any) -> int:
    return int(getattr(event, time_field(type(event))))
