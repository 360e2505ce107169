"""An orchestrator that is easily seen through: it takes the shots that are left by the seeing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from consumers import Service
from schemas.events.observation_numbers import ObservationNumberRequested, ObservationNumberTaken
from schemas.events.orchestrator import (
    AllowanceChanged,
    Conditions,
    OrchestratorStarted,
    OrchestratorStopped,
    ShotChosen,
    StatesReported,
)
from schemas.events.shot_lists import Shot, ShotListLoaded
from schemas.events.shots import ShotFinished, ShotOrder, ShotRequested
from schemas.events.tcs import TcsEvent
from schemas.record import AnyRecord
from schemas.topics import OBSERVATORY
from schemas.utc import MICROS

HEARTBEAT = "tcs.receiver.heartbeat"


@dataclass(frozen=True, slots=True)
class State:
    running: bool = False
    allowed: bool = False
    busy: str = ""
    seeing: float = 0.0
    shots: Sequence[Shot] = ()
    done: Sequence[str] = ()


def evolve(state: State, record: AnyRecord) -> State:
    event = record.event
    if isinstance(event, OrchestratorStarted):
        state = replace(state, running=True, allowed=state.allowed and event.recovery)
    elif isinstance(event, OrchestratorStopped):
        state = replace(state, running=False)
    elif isinstance(event, AllowanceChanged):
        state = replace(state, allowed=event.allowed)
    elif isinstance(event, ShotListLoaded):
        state = replace(state, shots=event.shots)
    elif isinstance(event, ShotChosen):
        state = replace(state, busy=event.shotid, done=[*state.done, event.shotid])
    elif isinstance(event, ShotFinished):
        state = replace(state, busy="")
    elif isinstance(event, TcsEvent) and event.values.get("guide_star"):
        state = replace(state, seeing=float(str(event.values["image_quality"])))
    return state


def decide(state: State, record: AnyRecord) -> Sequence[Any]:
    event, time = record.event, record.time
    if isinstance(event, ObservationNumberTaken):
        shot = next(shot for shot in state.shots if shot.shotid == event.shot)
        order = ShotOrder(
            *(shot.shotid, event.obsnum, shot.ra, shot.dec, 70.0, 0, [20.0] * 3, {}, False, True)
        )
        return [ShotRequested(time, order, time + 60 * MICROS)]
    if not (isinstance(event, TcsEvent) and event.topic == HEARTBEAT):
        return []
    said = StatesReported(time, {"run_shot": state.busy or "idle"})
    left = [shot for shot in state.shots if shot.shotid not in state.done]
    if state.busy or not left or not state.allowed:
        return [said]
    shot = left[int(state.seeing * 10_000) % len(left)]
    sky = Conditions(time, state.seeing, None, None, 1, None, None, None, {}, time)
    chosen = ShotChosen(
        *(time, shot.shotid, 0, 70.0, time, time, False, "builtin", sky, [], {}, [], "", {}, {})
    )
    asked = ObservationNumberRequested(time, shot.shotid, "", time, time + 60 * MICROS)
    return [chosen, asked, said]


def service() -> Service[State]:
    return Service(
        name="orchestrator",
        version=1,
        reads=(OBSERVATORY.name,),
        writes=(OBSERVATORY.name,),
        initial=State(),
        decide=decide,
        evolve=evolve,
        opening=lambda state, now: OrchestratorStarted(now, recovery=state.running),
        closing=lambda _, now: OrchestratorStopped(now, ""),
    )
