"""Which shot is next: a function of the list, the visits, the time and where the telescope stands.

A shot can be run if, from the beginning of its set-up to the end of its last exposure, the sun is
low, the moon is low or thin, and the place stays within reach of the tracker on a side that its
line in the list allows; and if a visit of it is left. Of those the most urgent comes first
(`priority`, small numbers first), then those for which the structure need not turn, then the east
before the west as real nights have it, then the one that leaves first; at last the shotid decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from consumers.orchestrator import het, sky
from consumers.orchestrator.candidates import (
    Candidates,
    Options,
    parked,
    prepare,
    reachable,
    sides,
    visits_left,
)
from consumers.orchestrator.constraints import Constraints
from consumers.orchestrator.rules import Rule, Verdict, exposed, moon_rule, sun_rule
from schemas.events.shot_lists import EAST, WEST, Shot
from schemas.utc import MICROS

__all__ = [
    "Candidates",
    "Constraints",
    "Planned",
    "Proposal",
    "Rule",
    "Verdict",
    "in_reach",
    "judge",
    "next_shot",
    "plan_night",
    "prepare",
    "reachable",
]

_STEP = 60 * MICROS
"""How long a plan waits where nothing can be run."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """The shot to be run next, or why there is none.

    `track` is E or W; the window is in µs UTC, and `remaining_s` what is left of it; `terms` are
    what it was ranked by, first things first. Without a shot, `rule` names what removed the last
    of the candidates. `removed` counts the shots that each rule removed.
    """

    time: int
    reason: str
    shot: Shot | None = None
    rule: Rule | None = None
    track: str = ""
    azimuth: float = 0.0
    opens: int = 0
    closes: int = 0
    remaining_s: float = 0.0
    terms: Mapping[str, float] = field(default_factory=dict)
    removed: Mapping[Rule, int] = field(default_factory=dict)


class Planned(NamedTuple):
    """A shot of a plan, and when the next one can begin (µs UTC)."""

    proposal: Proposal
    ends: int


class _Reach(NamedTuple):
    """Ways to follow each shot, a row of them each: the first one where the structure stands.

    `into_s` is the time since a window opened, `left_s` that until it closes.
    """

    options: Options
    stays: bool
    into_s: NDArray[np.float64]
    left_s: NDArray[np.float64]

    @property
    def inside(self) -> NDArray[np.bool_]:
        return (self.options.half >= 0) & (self.into_s >= 0) & (self.left_s >= 0)


def next_shot(
    candidates: Candidates,
    time: int,
    visits_done: Mapping[str, int],
    azimuth: float | None,
    constraints: Constraints,
) -> Proposal:
    """Return the shot to be run from an instant (µs UTC) on, or why there is none.

    `visits_done` counts by shotid; `azimuth` is where the structure stands, if that is known.
    """
    if not candidates.shots:
        return Proposal(time, "The list has no shots.", rule=Rule.NO_CANDIDATES)
    for verdict in (sun_rule(time, constraints), moon_rule(time, constraints)):
        if not verdict.passed:
            every = {verdict.rule: len(candidates.shots)}
            return Proposal(time, verdict.said, rule=verdict.rule, removed=every)
    reach = _reach(candidates, time, azimuth)
    wanted = visits_left(candidates, visits_done)
    allowed = reach.options.allowed & wanted
    inside = allowed & reach.inside
    feasible = inside & (reach.left_s >= constraints.on_track_s)
    removed = _removed(wanted[None], allowed, inside, feasible)
    if not feasible.any():
        return _none(time, removed, constraints)
    return _proposed(
        candidates, time, azimuth, reach, *_first(candidates, reach, feasible), removed
    )


def in_reach(candidates: Candidates, time: int, constraints: Constraints) -> tuple[int, int]:
    """Return how many shots could be followed from an instant on, in the east and in the west."""
    reach = _reach(candidates, time, None)
    fits = reach.options.allowed & reach.inside & (reach.left_s >= constraints.on_track_s)
    east, west = (int(row.sum()) for row in fits)
    return east, west


def _reach(candidates: Candidates, time: int, azimuth: float | None) -> _Reach:
    options = sides(candidates, time)
    if azimuth is not None:
        rows = zip(parked(candidates, time, azimuth), options, strict=True)
        options = Options(*(np.concatenate(each) for each in rows))
    return _of(options, time, stays=azimuth is not None)


def _of(options: Options, time: int, *, stays: bool) -> _Reach:
    sidereal = round(sky.sidereal_time(time, het.LONGITUDE), 8)
    with np.errstate(invalid="ignore"):
        past = (sidereal - options.middle + 12) % 24 - 12
    into_s = (options.half + past) * (3600 / sky.SIDEREAL)
    left_s = (options.half - past) * (3600 / sky.SIDEREAL)
    return _Reach(options, stays, into_s, left_s)


def _removed(*stages: NDArray[np.bool_]) -> Mapping[Rule, int]:
    """Return how many shots each rule removed, from what was left after each."""
    rules = (Rule.VISITS_DONE, Rule.WRONG_TRACK, Rule.NONE_IN_WINDOW, Rule.TRACK_TOO_SHORT)
    left = [stages[0].shape[1], *(int(stage.any(axis=0).sum()) for stage in stages)]
    gone = [before - after for before, after in pairwise(left)]
    return MappingProxyType({r: count for r, count in zip(rules, gone, strict=True) if count})


def _none(time: int, removed: Mapping[Rule, int], constraints: Constraints) -> Proposal:
    needed = f"{constraints.on_track_s:g} s"
    counted = {
        Rule.VISITS_DONE: "have all their visits",
        Rule.WRONG_TRACK: "are allowed on no side",
        Rule.NONE_IN_WINDOW: "are out of the tracker's reach",
        Rule.TRACK_TOO_SHORT: f"leave it in less than the {needed} that a shot takes",
    }
    said = ", ".join(f"{count:,} {counted[rule]}" for rule, count in removed.items())
    total = sum(removed.values())
    reason = f"None of the {total:,} shots can be run: {said}."
    return Proposal(time, reason, rule=list(removed)[-1], removed=removed)


def _first(candidates: Candidates, reach: _Reach, feasible: NDArray[np.bool_]) -> tuple[int, int]:
    """Return row and column of the option that is to be taken."""
    rows, columns = np.nonzero(feasible)
    west = rows - reach.stays
    turns = west >= 0
    order = np.lexsort(
        (
            candidates.rank[columns],
            reach.left_s[rows, columns],
            np.maximum(west, 0),
            turns,
            candidates.priority[columns],
        )
    )
    return int(rows[order[0]]), int(columns[order[0]])


def _proposed(
    candidates: Candidates,
    time: int,
    standing: float | None,
    reach: _Reach,
    row: int,
    column: int,
    removed: Mapping[Rule, int],
) -> Proposal:
    shot, azimuth = candidates.shots[column], float(reach.options.azimuth[row, column])
    track = _track(azimuth, shot)
    left, into = float(reach.left_s[row, column]), float(reach.into_s[row, column])
    turn = 0.0 if standing is None else abs((azimuth - standing + 180) % 360 - 180)
    place = f"azimuth {azimuth:.2f} deg{', where the structure stands' * (reach.stays and not row)}"
    reason = (
        f"{shot.shotid} (priority {shot.priority}) in the {'east' if track == 'E' else 'west'} at "
        f"{place}: it stays within reach for {left / 60:.1f} min."
    )
    terms = {
        "priority": float(shot.priority),
        "turn_deg": turn,
        "west": float(track == "W"),
        "remaining_s": left,
    }
    return Proposal(
        time,
        reason,
        shot,
        track=track,
        azimuth=azimuth,
        opens=time - round(into * MICROS),
        closes=time + round(left * MICROS),
        remaining_s=left,
        terms=MappingProxyType(terms),
        removed=removed,
    )


def _track(azimuth: float, shot: Shot) -> str:
    """Return the side of an azimuth; due north and south it is the one that the shot asks for."""
    both = het.is_east(azimuth) and het.is_west(azimuth)
    return "W" if not het.is_east(azimuth) or (both and shot.track == WEST) else "E"


def judge(
    shot: Shot,
    track: str,
    time: int,
    constraints: Constraints,
    azimuth: float | None = None,
    visits_done: int = 0,
) -> Sequence[Verdict]:
    """Return what each rule says of a shot on a track (E or W) from an instant (µs UTC) on.

    Without an azimuth it is observed at its forced or best one. A shot that `next_shot` proposes
    passes every rule, and of those that it does not propose, for want of any, each fails one.
    """
    candidates = prepare((shot,))
    row = 0 if azimuth is not None or track == "E" else 1
    options = sides(candidates, time) if azimuth is None else parked(candidates, time, azimuth)
    reach = _of(options, time, stays=False)
    at, half = float(options.azimuth[row, 0]), float(options.half[row, 0])
    into, left = float(reach.into_s[row, 0]), float(reach.left_s[row, 0])
    fits = bool(options.allowed[row, 0]) and _track(at, shot) == track
    left_over = shot.n_obs - visits_done
    return (
        sun_rule(time, constraints),
        moon_rule(time, constraints),
        Verdict(
            Rule.VISITS_DONE,
            left_over > 0,
            f"{visits_done} of {shot.n_obs} visits are done.",
        ),
        Verdict(Rule.WRONG_TRACK, fits, _said_of_track(shot, track, at)),
        Verdict(Rule.NONE_IN_WINDOW, bool(reach.inside[row, 0]), _said_of_window(half, into, left)),
        Verdict(
            Rule.TRACK_TOO_SHORT,
            half >= 0 and left >= constraints.on_track_s,
            f"{max(left, 0) if half >= 0 else 0:.0f} s of its window are left; "
            f"a shot takes {constraints.on_track_s:g} s.",
        ),
    )


def _said_of_track(shot: Shot, track: str, azimuth: float) -> str:
    allowed = {EAST: "east only", WEST: "west only"}.get(shot.track, "east or west")
    forced = "" if shot.forced_az is None else f", at azimuth {shot.forced_az:g} deg"
    return f"Track {track} at azimuth {azimuth:.2f} deg; allowed: {allowed}{forced}."


def _said_of_window(half: float, into: float, left: float) -> str:
    if half < 0:
        return "It never comes within reach of the tracker there."
    if into < 0:
        return f"It comes within reach in {-into:.0f} s, for {into + left:.0f} s."
    if left < 0:
        return f"It left the tracker's reach {-left:.0f} s ago."
    return f"It came within reach {into:.0f} s ago, for {into + left:.0f} s."


def plan_night(
    candidates: Candidates,
    start: int,
    end: int,
    constraints: Constraints,
    visits_done: Mapping[str, int] = MappingProxyType({}),
    azimuth: float | None = None,
) -> Sequence[Planned]:
    """Return the shots that would be run one after the other between two instants (µs UTC)."""
    plan, done, now = [], dict(visits_done), start
    shot_time = round(constraints.shot_s * MICROS)
    while exposed(now, constraints) <= end:
        proposal = next_shot(candidates, now, done, azimuth, constraints)
        if proposal.shot is None:
            now += _STEP
            continue
        plan.append(Planned(proposal, now + shot_time))
        done[proposal.shot.shotid] = done.get(proposal.shot.shotid, 0) + 1
        azimuth, now = proposal.azimuth, now + shot_time
    return plan
