"""What the orchestrator decides from a record.

First it takes note of the record; then the machines move; then, if all of them are where a shot
needs them, a shot is chosen, or it is said why not. A heartbeat of TCS is answered last, so that
whoever sees the answer knows that all that was decided before it is on the log.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from consumers.orchestrator.asking import answer
from consumers.orchestrator.choosing import Case, built_in, in_force, proposed, withheld
from consumers.orchestrator.limits import EXTERNAL, Limits, limits_of
from consumers.orchestrator.machines import GIVE_UP, RUN_SHOT, all_states
from consumers.orchestrator.moving import Move, facts, meta, moved, shot_moves
from consumers.orchestrator.obstacles import SCHEDULER, obstacles
from consumers.orchestrator.ordering import order_of
from consumers.orchestrator.readiness import verdicts
from consumers.orchestrator.state import GUIDERS, HEARTBEAT, State, folded
from consumers.orchestrator.vaults import conditions, present
from schemas.events.observation_numbers import (
    ObservationNumberExpired,
    ObservationNumberFailed,
    ObservationNumberRequested,
    ObservationNumberTaken,
)
from schemas.events.orchestrator import (
    AllowanceChanged,
    Conditions,
    OptionChanged,
    OrchestratorAsked,
    OrchestratorStarted,
    ShotChosen,
    ShotWithheld,
    StateChanged,
    StatesReported,
    Verdict,
)
from schemas.events.schedules import (
    ScheduleExpired,
    ScheduleFailed,
    ScheduleRequested,
    ShotProposed,
)
from schemas.events.services import SettingsTookEffect
from schemas.events.shot_lists import ShotListLoaded
from schemas.events.shots import (
    ExposureStarted,
    ShotExpired,
    ShotFinished,
    ShotRequested,
    ShotStarted,
)
from schemas.events.tcs import TcsEvent
from schemas.events.ticks import TimePassed
from schemas.record import AnyRecord
from schemas.utc import MICROS

_TELLING = frozenset(
    {
        TimePassed,
        SettingsTookEffect,
        AllowanceChanged,
        OptionChanged,
        OrchestratorStarted,
        ShotListLoaded,
        ObservationNumberTaken,
        ObservationNumberFailed,
        ObservationNumberExpired,
        ShotProposed,
        ScheduleFailed,
        ScheduleExpired,
        ShotStarted,
        ExposureStarted,
        ShotFinished,
        ShotExpired,
    }
)
"""Classes of events, beside TCS's own, after which something may be decided."""

_TELLING_TOPICS = frozenset({HEARTBEAT, *GUIDERS})


def decide(state: State, record: AnyRecord, service: str, *, listens: bool) -> Sequence[Any]:
    """Return what follows from a record; see the module's text."""
    event = record.event
    kind = type(event)
    if kind is OrchestratorAsked:
        return () if listens else (answer(state, record),)
    if kind is TcsEvent:
        if event.record_key not in _TELLING_TOPICS:
            return ()
    elif kind not in _TELLING:
        return ()
    return _Step(folded(state, record, service), record, state, listens).effects()


class _Step:
    """One record, decided about: effects gather as the machines move."""

    def __init__(self, state: State, record: AnyRecord, before: State, listens: bool) -> None:
        self._state, self._record, self._before = state, record, before
        self._listens, self._time = listens, present(state, record)
        self._limits = _limits(state)
        self._states: Mapping[str, str] = all_states(state.states)
        self._effects: list[Any] = []

    def effects(self) -> Sequence[Any]:
        self._move(shot_moves(self._state, self._limits, self._record))
        self._move(facts(self._state, self._limits, self._record, self._listens))
        self._move([meta(self._states)])
        self._submit()
        self._choose()
        event = self._record.event
        if isinstance(event, TcsEvent) and event.record_key == HEARTBEAT:
            self._effects.append(StatesReported(self._time, self._states))
        return self._effects

    def _move(self, moves: Any) -> None:
        self._states, said = moved(self._states, moves, self._time)
        self._effects += said

    def _until(self, limits: Limits) -> int:
        return self._time + round(limits.request_valid * MICROS)

    def _submit(self) -> None:
        """Ask for the shot whose number has come."""
        event, pending = self._record.event, self._state.pending
        submits = self._states[RUN_SHOT.name] == "requested"
        if not (submits and isinstance(event, ObservationNumberTaken) and pending is not None):
            return
        if pending.request != event.request or self._limits is None:
            return
        order = order_of(pending, event.obsnum, self._limits, self._state.in_force("run_shot"))
        self._effects.append(ShotRequested(self._time, order, self._until(self._limits)))

    def _choose(self) -> None:
        """Choose a shot where one can be, and say why where none is."""
        event, state, limits = self._record.event, self._state, self._limits
        if isinstance(event, ShotProposed):
            self._take_proposal(event)
            return
        if self._states[RUN_SHOT.name] != "idle" or not self._is_time():
            return
        found = conditions(state, limits, self._time, self._states)
        said = verdicts(found, limits)
        if limits is None or any(not one.passed for one in said):
            self._withhold(found, said)
        elif in_the_way := obstacles(state, self._time, limits):
            self._withhold(found, said, in_the_way)
        elif limits.scheduler == EXTERNAL:
            self._ask_scheduler(limits, found, said)
        else:
            self._take(built_in(Case(state, found, said, self._listens), limits))

    def _is_time(self) -> bool:
        """Whether to look for a shot: at a move of a machine, or so often while time passes."""
        if self._effects or not isinstance(self._record.event, TimePassed | TcsEvent):
            return True
        if not isinstance(self._record.event, TimePassed) or self._limits is None:
            return False
        step = max(1, round(self._limits.replan * MICROS))
        return self._state.now // step != self._before.now // step

    def _take_proposal(self, event: ShotProposed) -> None:
        pending, state, limits = self._state.pending, self._state, self._limits
        wanted = pending is not None and pending.request == event.request
        if not wanted or limits is None or self._states[RUN_SHOT.name] != "scheduling":
            return
        found = conditions(state, limits, self._time, self._states)
        said = verdicts(found, limits)[1:]  # but that no shot is in hand: this one is
        case = Case(state, found, said, self._listens)
        failing = [one for one in said if not one.passed]
        if failing or obstacles(state, self._time, limits):
            self._move([Move(RUN_SHOT.name, GIVE_UP, "the conditions have changed")])
            return
        outcome = proposed(case, limits, event)
        if isinstance(outcome, ShotWithheld):
            self._move([Move(RUN_SHOT.name, GIVE_UP, outcome.reason)])
        self._take(outcome)

    def _ask_scheduler(self, limits: Limits, found: Conditions, said: Sequence[Verdict]) -> None:
        """Ask the external scheduler; say why there is no shot where it has just failed."""
        failed = [one for one in self._given_up() if one.old == "scheduling"]
        if failed:
            self._withhold(found, said, (Verdict(SCHEDULER, False, failed[0].reason),))
            return
        if found.seeing is None or found.transparency is None or self._is_too_early(limits):
            return
        self._move([Move(RUN_SHOT.name, "ask_scheduler", "all machines are ready")])
        self._move([meta(self._states)])
        self._effects.append(
            ScheduleRequested(
                self._time,
                found.now,
                found.seeing,
                found.transparency,
                found.azimuth,
                self._until(limits),
            )
        )

    def _take(self, outcome: ShotChosen | ShotWithheld) -> None:
        """Record a choice and ask for its number, or record why there is none, if that is new."""
        if isinstance(outcome, ShotWithheld):
            if list(outcome.rules) != self._state.withheld:
                self._effects.append(outcome)
            return
        limits = self._limits
        assert limits is not None
        if self._is_too_early(limits):
            return
        self._effects.append(outcome)
        if self._listens:
            self._move([Move(RUN_SHOT.name, "imagine", f"it would run {outcome.shotid}")])
        else:
            self._move([Move(RUN_SHOT.name, "choose", f"shot {outcome.shotid} was chosen")])
            self._effects.append(
                ObservationNumberRequested(
                    self._time,
                    outcome.shotid,
                    "",
                    outcome.conditions.now,
                    self._until(limits),
                )
            )
        self._move([meta(self._states)])

    def _is_too_early(self, limits: Limits) -> bool:
        """Whether a shot was given up a moment ago: what it lacked is hardly there yet."""
        if self._given_up():
            return True
        gave_up = self._state.gave_up
        return gave_up > 0 and self._state.now < gave_up + round(limits.replan * MICROS)

    def _given_up(self) -> Sequence[StateChanged]:
        """Return the moves by which a shot has been given up just now: one, or none."""
        moves = [one for one in self._effects if isinstance(one, StateChanged)]
        return [one for one in moves if one.transition == GIVE_UP]

    def _withhold(
        self, found: Conditions, said: Sequence[Verdict], more: Sequence[Verdict] = ()
    ) -> None:
        failing = [one for one in (*said, *more) if not one.passed]
        reason = " ".join(f"{one.rule}: {one.said}" for one in failing)
        self._take(withheld(Case(self._state, found, said, self._listens), reason, more))


def _limits(state: State) -> Limits | None:
    """Return the limits in force, None where the settings have not come yet or say nonsense."""
    try:
        return limits_of(in_force(state))
    except (KeyError, ValueError):
        return None
