"""Which machines move at a record, and why."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from consumers.orchestrator.limits import Limits
from consumers.orchestrator.machines import (
    GIVE_UP,
    HETDEX_ALLOWED,
    MACHINES,
    META,
    METROLOGY,
    RUN_SHOT,
    TCS,
    WANTED,
)
from consumers.orchestrator.readiness import sky_verdicts
from consumers.orchestrator.state import LONGEST_REST_S, Pending, State
from consumers.orchestrator.vaults import conditions, present
from schemas.events.observation_numbers import (
    ObservationNumberExpired,
    ObservationNumberFailed,
    ObservationNumberTaken,
)
from schemas.events.orchestrator import OrchestratorStarted, StateChanged
from schemas.events.schedules import ScheduleExpired, ScheduleFailed
from schemas.events.shots import ExposureStarted, ShotExpired, ShotFinished, ShotStarted
from schemas.events.ticks import TimePassed
from schemas.nights import observing_date
from schemas.record import AnyRecord
from schemas.utc import MICROS

_GRACE_S = 60.0
"""So long after a request's end an answer may still come: whoever gives it looks at a clock too."""

_NOT_BEGUN = frozenset({"scheduling", "numbering", "requested"})
_BEGUN = frozenset({"setting_up", "exposing"})


class Move(NamedTuple):
    """A transition that a machine is to make, and why."""

    machine: str
    transition: str
    reason: str


def moved(
    states: Mapping[str, str], moves: Iterator[Move] | Sequence[Move], time: int
) -> tuple[Mapping[str, str], Sequence[StateChanged]]:
    """Return the states after moves, and the events that say so; vain moves are left out."""
    after, said = dict(states), []
    for name, transition, reason in moves:
        old = after[name]
        new = MACHINES[name].after(old, transition)
        if new is not None:
            after[name] = new
            said.append(StateChanged(time, name, transition, old, new, reason))
    return after, said


def facts(state: State, limits: Limits | None, record: AnyRecord, listens: bool) -> Iterator[Move]:
    """Yield the moves of the machines that follow what is known: the sky, people, TCS."""
    if limits is not None:
        yield _of_sky(state, limits, record)
        yield _of_tcs(state, limits, record)
    if listens:
        yield Move(HETDEX_ALLOWED.name, "allow", "it only listens")
    elif state.allowed:
        yield Move(HETDEX_ALLOWED.name, "allow", "somebody allowed shots")
    else:
        yield Move(HETDEX_ALLOWED.name, "forbid", "shots are not allowed")


def _of_sky(state: State, limits: Limits, record: AnyRecord) -> Move:
    time = present(state, record)
    found = sky_verdicts(conditions(state, limits, time, state.states), limits)
    failing = [f"{one.rule}: {one.said}" for one in found if not one.passed]
    if any(not one.passed for one in found[:2]):
        return Move(METROLOGY.name, "lose", " ".join(failing))
    if failing:
        return Move(METROLOGY.name, "worsen", " ".join(failing))
    return Move(METROLOGY.name, "improve", "all measurements are within their limits")


def _of_tcs(state: State, limits: Limits, record: AnyRecord) -> Move:
    time = present(state, record)
    if state.heartbeat is None:
        return Move(TCS.name, "lose", "TCS was never heard")
    age = (time - state.heartbeat) / MICROS
    if age > limits.heartbeat:
        said = f"no heartbeat of TCS for {age:.1f} s; at most {limits.heartbeat:g} s"
        return Move(TCS.name, "lose", said)
    return Move(TCS.name, "hear", "TCS sends its heartbeat")


def shot_moves(state: State, limits: Limits | None, record: AnyRecord) -> Iterator[Move]:
    """Yield the moves of the machine `run_shot` that follow from a record."""
    event, pending = record.event, state.pending
    at = state.states.get(RUN_SHOT.name, RUN_SHOT.initial)
    if isinstance(event, OrchestratorStarted):
        if pending is None and at != "idle":
            over = "finish" if at == "imagined" else GIVE_UP
            yield Move(RUN_SHOT.name, over, "the orchestrator began anew")
    elif pending is None:
        return
    elif isinstance(event, TimePassed):
        yield from _overdue(state, limits, at)
    elif getattr(event, "request", None) == pending.request:
        yield from _answered(event, observing_date(state.now))


def _answered(event: Any, today: str) -> Iterator[Move]:
    """Yield the move that follows from the answer to what was asked for.

    A number of yesterday would lead to files among those of today's same number.
    """
    name = RUN_SHOT.name
    if isinstance(event, ObservationNumberTaken):
        said = f"observation number {event.obsnum}"
        if event.obsdate == today:
            yield Move(name, "submit", said)
        else:
            yield Move(name, GIVE_UP, f"{said} is of {event.obsdate}, and it is {today} by now")
    elif isinstance(event, ObservationNumberFailed | ScheduleFailed):
        yield Move(name, GIVE_UP, event.reason)
    elif isinstance(event, ObservationNumberExpired | ScheduleExpired | ShotExpired):
        yield Move(name, GIVE_UP, "the request came too late")
    elif isinstance(event, ShotStarted):
        yield Move(name, "begin", f"shot {event.order.shotid} began")
    elif isinstance(event, ExposureStarted):
        yield Move(name, "expose", f"exposure {event.exposure} began")
    elif isinstance(event, ShotFinished):
        said = f"{event.step}: {event.reason}" if event.error else "it went well"
        yield Move(name, "finish", said)


def _overdue(state: State, limits: Limits | None, at: str) -> Iterator[Move]:
    """Yield the end of what nobody answers or ends, or of a shot that is only imagined."""
    pending = state.pending
    assert pending is not None
    if at in _NOT_BEGUN and state.time > pending.valid_until + _GRACE_S * MICROS:
        yield Move(RUN_SHOT.name, GIVE_UP, "nobody answered: is its worker running?")
    elif at in _BEGUN and (state.now - pending.chosen) / MICROS > _at_most(pending):
        yield Move(RUN_SHOT.name, "finish", "nobody said how it ended: is its worker running?")
    elif at == "imagined" and limits is not None:
        over = pending.chosen + round(limits.constraints.shot_s * MICROS)
        if state.now >= over:
            yield Move(RUN_SHOT.name, "finish", "it would be over")


def _at_most(pending: Pending) -> float:
    """Return how long a shot can take (s), whatever became of who ran it."""
    return sum(pending.order.exposures if pending.order else ()) + LONGEST_REST_S


def meta(states: Mapping[str, str]) -> Move:
    """Return the move of the machine over the others."""
    missing = [f"{name} is {states[name]}" for name, w in WANTED.items() if states[name] != w]
    if missing:
        return Move(META.name, "dissatisfy", ", ".join(missing))
    return Move(META.name, "satisfy", "all other machines are where a shot needs them")
