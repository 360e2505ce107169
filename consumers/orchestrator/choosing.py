"""Which shot is chosen, by the scheduler of the settings, and what is recorded of that."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from consumers.orchestrator.limits import EXTERNAL, Limits
from consumers.orchestrator.loaded import Loaded
from consumers.orchestrator.rules import Rule
from consumers.orchestrator.rules import Verdict as RuleVerdict
from consumers.orchestrator.scheduling import Proposal, judge, next_shot, prepare
from consumers.orchestrator.state import State
from schemas.events.orchestrator import Conditions, ShotChosen, ShotWithheld, Verdict
from schemas.events.schedules import ShotProposed
from schemas.events.shot_lists import Shot
from schemas.events.shots import EAST, WEST
from schemas.utc import MICROS

_ALL_VISITS = 1 << 30


class Case(NamedTuple):
    """What a decision is about: the state, the conditions, and what the rules say of them."""

    state: State
    conditions: Conditions
    verdicts: Sequence[Verdict]
    would_have: bool


def built_in(case: Case, limits: Limits) -> ShotChosen | ShotWithheld:
    """Return the shot that the built-in scheduler takes, or why it takes none."""
    loaded = case.state.shots
    assert loaded is not None
    left_alone = failed_lately(case.state, case.conditions.now, limits)
    proposal = next_of(loaded, case.state.visits, left_alone, case.conditions, limits)
    if proposal.shot is None:
        rule = "no_candidates" if proposal.rule is None else str(proposal.rule)
        return withheld(case, proposal.reason, [Verdict(rule, False, proposal.reason)], left_alone)
    return _chosen(case, limits, proposal.shot, proposal)


def next_of(
    loaded: Loaded,
    visits: Mapping[str, int],
    left_alone: Sequence[str],
    found: Conditions,
    limits: Limits,
) -> Proposal:
    """Return what the built-in scheduler proposes; shots to be left alone count as done."""
    candidates = prepare(loaded.shots, loaded.digest)
    done = {**visits, **dict.fromkeys(left_alone, _ALL_VISITS)}
    return next_shot(candidates, found.now, done, found.azimuth, limits.constraints)


def failed_lately(state: State, now: int, limits: Limits) -> Sequence[str]:
    """Return the shots that failed a short while ago, sorted."""
    since = now - round(limits.retry_failed * MICROS)
    return sorted(shotid for shotid, failed in state.failed.items() if failed > since)


def proposed(case: Case, limits: Limits, event: ShotProposed) -> ShotChosen | ShotWithheld:
    """Return the shot that the external scheduler proposed, or why it is not taken.

    It may propose a shot once more than the list says: which visits count, it knows itself.
    """
    loaded = case.state.shots
    shots = {} if loaded is None else {shot.shotid: shot for shot in loaded.shots}
    shot = shots.get(event.shot)
    if shot is None:
        reason = f"the external scheduler proposed {event.shot!r}, which the list has not."
        return withheld(case, reason, [Verdict("no_candidates", False, reason)])
    chosen = _record(case, limits, shot, event.track, event.azimuth, (0, 0), EXTERNAL)
    broken = [v for v in chosen.verdicts if not v.passed and v.rule != Rule.VISITS_DONE]
    if broken:
        said = " ".join(f"{one.rule}: {one.said}" for one in broken)
        return withheld(case, f"the external scheduler proposed {event.shot!r}. {said}", broken)
    return chosen


def _chosen(case: Case, limits: Limits, shot: Shot, proposal: Proposal) -> ShotChosen:
    track = EAST if proposal.track == "E" else WEST
    window = proposal.opens, proposal.closes
    return _record(case, limits, shot, track, proposal.azimuth, window, "builtin")


def _record(
    case: Case,
    limits: Limits,
    shot: Shot,
    track: int,
    azimuth: float,
    window: tuple[int, int],
    scheduler: str,
) -> ShotChosen:
    state, found = case.state, case.conditions
    assert state.shots is not None
    done = state.visits.get(shot.shotid, 0)
    said = shot_verdicts(shot, track, azimuth, found.now, done, limits)
    return ShotChosen(
        time=found.time,
        shotid=shot.shotid,
        track=track,
        azimuth=azimuth,
        window_start=window[0],
        window_end=window[1],
        would_have=case.would_have,
        scheduler=scheduler,
        conditions=found,
        verdicts=[*case.verdicts, *said],
        visits=dict(state.visits),
        left_alone=failed_lately(state, found.now, limits),
        shot_list=state.shots.digest,
        settings=in_force(state),
        causes=dict(state.seen),
    )


def shot_verdicts(
    shot: Shot, track: int, azimuth: float, now: int, done: int, limits: Limits
) -> Sequence[Verdict]:
    """Return what every rule says of a shot at an instant (µs UTC)."""
    side = "E" if track == EAST else "W"
    found: Sequence[RuleVerdict] = judge(shot, side, now, limits.constraints, azimuth, done)
    return [Verdict(str(one.rule), one.passed, one.said) for one in found]


def withheld(
    case: Case, reason: str, more: Sequence[Verdict] = (), left_alone: Sequence[str] = ()
) -> ShotWithheld:
    """Return the record of a shot that was not chosen."""
    state, verdicts = case.state, [*case.verdicts, *more]
    return ShotWithheld(
        time=case.conditions.time,
        would_have=case.would_have,
        reason=reason,
        rules=[one.rule for one in verdicts if not one.passed],
        conditions=case.conditions,
        verdicts=verdicts,
        visits=dict(state.visits),
        left_alone=left_alone,
        shot_list="" if state.shots is None else state.shots.digest,
        settings=in_force(state),
        causes=dict(state.seen),
    )


def in_force(state: State) -> Mapping[str, str]:
    """Return the settings in force: those of the site, and over them those that were sent."""
    return {**state.settings, **state.in_force("orchestrator")}
