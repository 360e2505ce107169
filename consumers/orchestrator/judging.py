"""A recorded decision, gone through once more: what the rules say of what it rested on."""

from collections.abc import Sequence

from consumers.orchestrator.choosing import next_of, shot_verdicts
from consumers.orchestrator.limits import BUILTIN, limits_of
from consumers.orchestrator.loaded import Loaded
from consumers.orchestrator.obstacles import NAMES
from consumers.orchestrator.readiness import verdicts
from schemas.events.orchestrator import ShotChosen, ShotWithheld, Verdict
from schemas.events.shots import EAST


def differences(decision: ShotChosen | ShotWithheld, loaded: Loaded | None) -> Sequence[str]:
    """Return what comes out otherwise now, in sentences; none where all agrees.

    `loaded` is the list that the decision was made from, None where it can't be had.
    """
    try:
        limits = limits_of(decision.settings)
    except (KeyError, ValueError):
        return (
            () if not decision.settings else (f"its settings can't be read: {decision.settings}",)
        )
    found = list(verdicts(decision.conditions, limits))
    said = _unlike(decision.verdicts, found)
    others = [one for one in decision.verdicts if one.rule in NAMES]
    failing = [one for one in (*found, *others) if not one.passed and one.rule != "run_shot"]
    if loaded is None or failing:
        return said
    if isinstance(decision, ShotWithheld):
        return [*said, *_still_withheld(decision, loaded)]
    return [*said, *_still_chosen(decision, loaded)]


def _unlike(recorded: Sequence[Verdict], now: Sequence[Verdict]) -> list[str]:
    by_rule = {one.rule: one for one in recorded}
    return [
        f"{one.rule}: recorded “{_in_words(by_rule[one.rule])}”, now “{_in_words(one)}”"
        for one in now
        if one.rule in by_rule and by_rule[one.rule] != one
    ]


def _in_words(verdict: Verdict) -> str:
    return f"{'kept' if verdict.passed else 'not kept'}: {verdict.said}"


def _still_withheld(decision: ShotWithheld, loaded: Loaded) -> list[str]:
    limits = limits_of(decision.settings)
    proposal = next_of(loaded, decision.visits, decision.left_alone, decision.conditions, limits)
    if proposal.shot is not None and limits.scheduler == BUILTIN:
        return [f"the scheduler finds {proposal.shot.shotid} now"]
    return []


def _still_chosen(decision: ShotChosen, loaded: Loaded) -> list[str]:
    limits = limits_of(decision.settings)
    shot = next((one for one in loaded.shots if one.shotid == decision.shotid), None)
    if shot is None:
        return [f"the list has no {decision.shotid}"]
    now, done = decision.conditions.now, decision.visits.get(shot.shotid, 0)
    track, azimuth = decision.track, decision.azimuth
    said = _unlike(decision.verdicts, shot_verdicts(shot, track, azimuth, now, done, limits))
    if decision.scheduler != BUILTIN:
        return said
    proposal = next_of(loaded, decision.visits, decision.left_alone, decision.conditions, limits)
    chosen = None if proposal.shot is None else proposal.shot.shotid
    side = "E" if decision.track == EAST else "W"
    if (chosen, proposal.track, proposal.azimuth) != (decision.shotid, side, decision.azimuth):
        said.append(f"the scheduler takes {chosen} ({proposal.track}) now: {proposal.reason}")
    return said
