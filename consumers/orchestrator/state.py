"""What the orchestrator knows: measurements, the states of its machines, the shot in hand.

`folded` takes note of a record. Nothing here decides: machines change their states by the
orchestrator's own `StateChanged`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite

from consumers.orchestrator.loaded import Loaded
from consumers.orchestrator.machines import GIVE_UP
from schemas.events.observation_numbers import (
    ObservationNumberRequested,
    ObservationNumberTaken,
)
from schemas.events.orchestrator import (
    AllowanceChanged,
    OptionChanged,
    OrchestratorStarted,
    OrchestratorStopped,
    ShotChosen,
    ShotWithheld,
    StateChanged,
)
from schemas.events.schedules import ScheduleRequested
from schemas.events.services import SettingsTookEffect
from schemas.events.shot_lists import Shot, ShotListLoaded
from schemas.events.shots import ShotFinished, ShotOrder, ShotRequested, ShotStarted
from schemas.events.tcs import TcsEvent
from schemas.events.ticks import TimePassed
from schemas.record import AnyRecord
from schemas.utc import MICROS

HEARTBEAT = "tcs.receiver.heartbeat"
POINTING = "tcs.root.ra_dec"
GUIDERS = frozenset({"pas.Guider1.metrology_data", "pas.Guider2.metrology_data"})

MOST_MEASUREMENTS = 500
"""The newest so many are kept, however long the window is."""

_LONGEST_WINDOW = 3600 * MICROS

LONGEST_REST_S = 2 * 3600.0
"""All of a shot but its exposures takes less: nobody waits for ever for an end that nobody said."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a guider said of the sky: seeing in arcsec, sky brightness in mag/arcsec²."""

    time: int
    seeing: float
    transparency: float
    sky_brightness: float | None


@dataclass(frozen=True, slots=True)
class Pending:
    """The shot in hand: chosen here, or by hand.

    `request` is what was asked for last: a proposal, its number, or the shot itself; answered after
    `valid_until` (µs, 0: nothing is asked) it is of no use. `order` comes with the number.
    """

    shotid: str
    track: int
    azimuth: float
    chosen: int = 0
    request: str = ""
    valid_until: int = 0
    shot: Shot | None = None
    order: ShotOrder | None = None


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A shot that the telescope runs and that is not in hand: at most for `lasts` s."""

    request: str
    shotid: str
    since: int
    lasts: float


@dataclass(frozen=True, slots=True)
class State:
    """All that decisions rest on; times are µs UTC.

    `now` is the last tick for deciders, and `time` the true one. `seen` has the offset of the
    newest record of each kind that a decision may rest on. `withheld` are the rules that the last
    `ShotWithheld` named; `gave_up` is when a shot was given up before it began.
    """

    running: bool = False
    now: int = 0
    time: int = 0
    settings: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    measurements: Sequence[Measurement] = ()
    azimuth: float | None = None
    heartbeat: int | None = None
    allowed: bool = False
    states: Mapping[str, str] = field(default_factory=dict)
    pending: Pending | None = None
    elsewhere: Elsewhere | None = None
    shots: Loaded | None = None
    visits: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)
    withheld: Sequence[str] | None = None
    gave_up: int = 0
    seen: Mapping[str, int] = field(default_factory=dict)

    def in_force(self, section: str) -> Mapping[str, str]:
        """Return the options of a section that were sent, under their names."""
        return {
            name.removeprefix(f"{section}."): value
            for name, value in self.options.items()
            if name.startswith(f"{section}.")
        }


def folded(state: State, record: AnyRecord, service: str) -> State:
    """Return the state after a record, as the service of this name takes it."""
    kind = type(record.event)
    fold = _FOLDS.get(kind)
    if fold is None or (kind in _OWN and not _is_of(record, service)):
        return state
    return fold(state, record, service)


def _is_of(record: AnyRecord, service: str) -> bool:
    """Whether a service of this name decided it: one that listens says the same beside."""
    return record.provenance.source.partition("/")[0] == service


def _seen(state: State, kind: str, record: AnyRecord) -> Mapping[str, int]:
    return {**state.seen, kind: record.position.offset}


def _tcs(state: State, record: AnyRecord, _: str) -> State:
    event: TcsEvent = record.event
    topic = event.record_key
    if topic in GUIDERS:
        return _measured(state, record)
    if topic == HEARTBEAT:
        return replace(state, heartbeat=event.data_time, seen=_seen(state, "heartbeat", record))
    if topic == POINTING:
        azimuth = _number(event.values.get("azimuth"))
        if azimuth is None or azimuth == state.azimuth:
            return state
        return replace(state, azimuth=azimuth, seen=_seen(state, "pointing", record))
    return state


def _measured(state: State, record: AnyRecord) -> State:
    """Take note of a measurement; one without a guide star says nothing."""
    event: TcsEvent = record.event
    values = event.values
    seeing, clear = _number(values.get("image_quality")), _number(values.get("transparency"))
    if seeing is None or clear is None:
        return state
    sky = _number(values.get("photometry.fixed_skymag"))
    oldest = event.data_time - _LONGEST_WINDOW
    kept = [m for m in state.measurements[1 - MOST_MEASUREMENTS :] if m.time > oldest]
    kept.append(Measurement(event.data_time, seeing, clear, sky))
    return replace(state, measurements=kept, seen=_seen(state, "metrology", record))


def _number(value: object) -> float | None:
    """Return a finite number; None for anything else, which a faulty sensor may send."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return float(value)


def _tick(state: State, record: AnyRecord, _: str) -> State:
    tick: TimePassed = record.event
    return replace(state, now=tick.now, time=tick.time, seen=_seen(state, "tick", record))


def _settings(state: State, record: AnyRecord, service: str) -> State:
    event: SettingsTookEffect = record.event
    if event.service != service:
        return state
    return replace(state, settings=dict(event.values), seen=_seen(state, "settings", record))


def _started(state: State, record: AnyRecord, _: str) -> State:
    """Go on after a crash; after an end that was asked for, forget what was allowed and sent.

    A shot that the telescope has begun goes on all the same; one that only waits for its number is
    given up.
    """
    event: OrchestratorStarted = record.event
    if event.recovery:
        return replace(state, running=True)
    begun = state.pending is not None and state.states.get("run_shot") in _AT_TELESCOPE
    return replace(
        state,
        running=True,
        allowed=False,
        options={},
        pending=state.pending if begun else None,
        seen=_seen(state, "start", record),
    )


_AT_TELESCOPE = frozenset({"requested", "setting_up", "exposing"})


def _stopped(state: State, _: AnyRecord, __: str) -> State:
    return replace(state, running=False)


def _allowance(state: State, record: AnyRecord, _: str) -> State:
    event: AllowanceChanged = record.event
    return replace(state, allowed=event.allowed, seen=_seen(state, "allowance", record))


def _option(state: State, record: AnyRecord, _: str) -> State:
    event: OptionChanged = record.event
    sent = {**state.options, f"{event.section}.{event.option}": event.value}
    return replace(state, options=sent, seen=_seen(state, "option", record))


def _list(state: State, record: AnyRecord, _: str) -> State:
    """Take a new list; of one that says what is left, the visits of before are in it."""
    event: ShotListLoaded = record.event
    loaded, visits = Loaded.of(event.digest, event.shots), state.visits
    if event.visits_left:
        visits = {}
    return replace(state, shots=loaded, visits=visits, seen=_seen(state, "shot_list", record))


def _changed(state: State, record: AnyRecord, _: str) -> State:
    event: StateChanged = record.event
    state = replace(state, states={**state.states, event.machine: event.new})
    if event.machine == "run_shot" and event.new == "idle":
        gave_up = state.now if event.transition == GIVE_UP else state.gave_up
        return replace(state, pending=None, gave_up=gave_up)
    return state


def _chosen(state: State, record: AnyRecord, _: str) -> State:
    event: ShotChosen = record.event
    shots = () if state.shots is None else state.shots.shots
    shot = next((one for one in shots if one.shotid == event.shotid), None)
    now = event.conditions.now
    pending = Pending(event.shotid, event.track, event.azimuth, now, shot=shot)
    return replace(state, pending=pending, withheld=None)


def _withheld(state: State, record: AnyRecord, _: str) -> State:
    event: ShotWithheld = record.event
    return replace(state, withheld=list(event.rules))


def _asked_for_number(state: State, record: AnyRecord, _: str) -> State:
    return _asked(state, record, state.pending)


def _asked_for_schedule(state: State, record: AnyRecord, _: str) -> State:
    return _asked(state, record, Pending("", 0, 0.0))


def _requested(state: State, record: AnyRecord, _: str) -> State:
    event: ShotRequested = record.event
    pending = state.pending
    return _asked(state, record, None if pending is None else replace(pending, order=event.order))


def _asked(state: State, record: AnyRecord, pending: Pending | None) -> State:
    if pending is None:
        return state
    request, until = str(record.id), record.event.valid_until
    return replace(state, pending=replace(pending, request=request, valid_until=until))


def _numbered(state: State, record: AnyRecord, _: str) -> State:
    return replace(state, seen=_seen(state, "number", record))


def _began(state: State, record: AnyRecord, _: str) -> State:
    """Follow a shot that began, or remember that the telescope is at one that is not followed.

    It has one shot at a time: what it was at before is over.
    """
    event: ShotStarted = record.event
    order, pending = event.order, state.pending
    if pending is not None and pending.request == event.request:
        return replace(state, elsewhere=None)
    if not order.followed or state.states.get("run_shot", "idle") != "idle":
        since, lasts = state.time or event.time, sum(order.exposures) + LONGEST_REST_S
        return replace(state, elsewhere=Elsewhere(event.request, order.shotid, since, lasts))
    followed = Pending(order.shotid, order.track, order.azimuth, state.now, event.request)
    return replace(state, pending=replace(followed, order=order), elsewhere=None)


def _finished(state: State, record: AnyRecord, _: str) -> State:
    """Count the visit of any shot, followed or not; remember one that failed."""
    event: ShotFinished = record.event
    shotid, seen = event.order.shotid, _seen(state, "shot", record)
    if state.elsewhere is not None and state.elsewhere.request == event.request:
        state = replace(state, elsewhere=None)
    if event.error:
        return replace(state, failed={**state.failed, shotid: state.now}, seen=seen)
    done = state.visits.get(shotid, 0) + 1
    return replace(state, visits={**state.visits, shotid: done}, seen=seen)


_OWN = frozenset(
    {
        StateChanged,
        ShotChosen,
        ShotWithheld,
        ObservationNumberRequested,
        ScheduleRequested,
        ShotRequested,
    }
)
"""What only a service's own records change: another one's state is another one's."""

_FOLDS: Mapping[type, Callable[[State, AnyRecord, str], State]] = {
    TcsEvent: _tcs,
    TimePassed: _tick,
    SettingsTookEffect: _settings,
    OrchestratorStarted: _started,
    OrchestratorStopped: _stopped,
    AllowanceChanged: _allowance,
    OptionChanged: _option,
    ShotListLoaded: _list,
    StateChanged: _changed,
    ShotChosen: _chosen,
    ShotWithheld: _withheld,
    ObservationNumberRequested: _asked_for_number,
    ObservationNumberTaken: _numbered,
    ScheduleRequested: _asked_for_schedule,
    ShotRequested: _requested,
    ShotStarted: _began,
    ShotFinished: _finished,
}
