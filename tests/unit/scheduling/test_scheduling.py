"""Which shot is next: what holds of any list, at any time, wherever the telescope stands."""

from collections import Counter
from collections.abc import Sequence
from math import inf, nan
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consumers.orchestrator.scheduling import (
    Constraints,
    Proposal,
    Rule,
    judge,
    next_shot,
    plan_night,
    prepare,
    reachable,
)
from schemas.events.shot_lists import EAST, WEST, Shot
from schemas.utc import MICROS, parse
from tests.unit.scheduling.listed import NIGHT, instants, shot, shots

LIMITS = Constraints()
DARK, DAY = parse("2019-03-07T06:00:00Z"), parse("2019-03-07T16:00:00Z")
MOONLIT = parse("2019-03-21T06:00:00Z")
EASTERN, WESTERN = shot("E", 13.3, 51.8), shot("W", 7.9, 51.8)
"""In reach at DARK, on that side."""

LISTS, AZIMUTHS = shots(), st.none() | st.floats(0, 359.999)


def choose(listed: Sequence[Shot], time: int, azimuth: float | None, **done: int) -> Proposal:
    return next_shot(prepare(tuple(listed)), time, done, azimuth, LIMITS)


def rank(found: Proposal, azimuth: float | None) -> tuple[Any, ...]:
    """Return what a proposal is ranked by, said once more."""
    assert found.shot is not None
    turns = azimuth is None or found.azimuth != azimuth % 360
    west = turns and found.track == "W"
    return found.shot.priority, turns, west, found.remaining_s, found.shot.shotid


@given(LISTS, instants(), AZIMUTHS)
@settings(max_examples=80)
def test_the_shot_chosen_is_the_first_of_all_that_could_be_run(
    listed: Sequence[Shot], time: int, azimuth: float | None
) -> None:
    alone = [choose([one], time, azimuth) for one in listed]
    ranked = [rank(found, azimuth) for found in alone if found.shot is not None]
    found = choose(listed, time, azimuth)
    if found.shot is None:
        assert ranked == []
    else:
        assert rank(found, azimuth) == min(ranked)


@given(LISTS, instants(), AZIMUTHS)
@settings(max_examples=80)
def test_what_is_chosen_passes_each_rule_and_where_none_is_each_fails_one(
    listed: Sequence[Shot], time: int, azimuth: float | None
) -> None:
    found = choose(listed, time, azimuth)
    if found.shot is not None:
        verdicts = judge(found.shot, found.track, time, LIMITS, found.azimuth)
        assert [verdict for verdict in verdicts if not verdict.passed] == []
        return
    places = (None,) if azimuth is None else (None, azimuth)
    for one in listed:
        for track in "EW":
            for place in places:
                verdicts = judge(one, track, time, LIMITS, place)
                assert not all(verdict.passed for verdict in verdicts)


@given(LISTS, instants(), AZIMUTHS, st.randoms())
@settings(max_examples=60)
def test_the_order_of_the_list_and_what_cannot_be_run_change_nothing(
    listed: Sequence[Shot], time: int, azimuth: float | None, random: Any
) -> None:
    found = choose(listed, time, azimuth)
    others = [
        shot("ZSOUTH", 6.0, -60.0, priority=0),
        shot("ZDONE", 13.3, 51.8, priority=0, n_obs=0),
        shot("ZWRONG", 13.3, 51.8, priority=0, track=WEST, forced_az=60.0),
        shot("ZNAN", nan, inf, priority=0, forced_az=nan),
    ]
    mixed = random.sample([*listed, *others], len(listed) + len(others))
    again = choose(mixed, time, azimuth)
    assert (again.shot, again.azimuth, again.terms) == (found.shot, found.azimuth, found.terms)


@given(instants(), AZIMUTHS)
def test_a_window_is_when_it_says(time: int, azimuth: float | None) -> None:
    found = choose([EASTERN, WESTERN], time, azimuth)
    if found.shot is None:
        return
    for edge, beyond in ((found.opens, -MICROS), (found.closes, MICROS)):
        within, outside = (
            {v.rule: v.passed for v in judge(found.shot, found.track, at, LIMITS, found.azimuth)}
            for at in (edge - beyond, edge + beyond)
        )
        assert within[Rule.NONE_IN_WINDOW]
        assert not outside[Rule.NONE_IN_WINDOW]
    assert found.closes - time == pytest.approx(found.remaining_s * MICROS, abs=1)


@pytest.mark.parametrize(
    ("listed", "time", "rule"),
    [
        ([], DARK, Rule.NO_CANDIDATES),
        ([EASTERN], DAY, Rule.SUN_UP),
        ([EASTERN], MOONLIT, Rule.MOON_UP),
        ([shot("A", 13.3, 51.8, n_obs=0)], DARK, Rule.VISITS_DONE),
        ([shot("A", 13.3, 51.8, track=EAST, forced_az=300.0)], DARK, Rule.WRONG_TRACK),
        ([shot("A", 10.0, -60.0), shot("B", 13.3, 51.8, n_obs=0)], DARK, Rule.NONE_IN_WINDOW),
        ([shot("A", 12.05, 51.8)], DARK, Rule.TRACK_TOO_SHORT),
    ],
)
def test_without_a_shot_the_rule_that_removed_the_last_is_named(
    listed: Sequence[Shot], time: int, rule: Rule
) -> None:
    found = choose(listed, time, None)
    assert (found.shot, found.rule) == (None, rule)
    assert sum(found.removed.values()) == len(listed)
    assert found.reason.endswith(".")
    if len(listed) == 1:
        failed = [v.rule for v in judge(listed[0], "E", time, LIMITS) if not v.passed]
        assert rule in failed


def test_a_shot_where_the_structure_stands_comes_before_one_that_turns_it() -> None:
    east = choose([EASTERN, WESTERN], DARK, None)
    assert (east.shot, east.track) == (EASTERN, "E")
    west = choose([EASTERN, WESTERN], DARK, 318.0)
    assert (west.shot, west.track, west.azimuth, west.terms["turn_deg"]) == (WESTERN, "W", 318, 0)
    urgent = choose([shot("E", 13.3, 51.8, priority=0), WESTERN], DARK, 318.0)
    assert (urgent.track, urgent.terms["turn_deg"] > 0) == ("E", True)


def test_forced_sides_and_azimuths_are_kept_to() -> None:
    north = choose([shot("N", 10.0, 66.0)], DARK, None)
    assert (north.track, north.azimuth) == ("E", 0.0)
    forced = choose([shot("A", 13.3, 51.8, forced_az=43.5)], DARK, 41.0)
    assert (forced.azimuth, forced.track) == (43.5, "E")
    assert choose([shot("A", 13.3, 51.8, track=WEST)], DARK, None).rule is Rule.NONE_IN_WINDOW
    assert choose([shot("A", 10.0, 66.0, track=WEST)], DARK, None).track == "W"
    assert choose([EASTERN], DARK, None, E=1).rule is Rule.VISITS_DONE


def test_a_thin_moon_may_be_let_pass() -> None:
    first = parse("2019-03-09T02:25:00Z")
    listed = prepare((shot("A", 9.6, 51.8),))
    strict = next_shot(listed, first, {}, None, LIMITS)
    lenient = next_shot(listed, first, {}, None, Constraints(moon_illumination=0.1))
    low = next_shot(listed, first, {}, None, Constraints(moon_below_deg=20))
    assert strict.rule is Rule.MOON_UP
    assert Rule.MOON_UP not in {lenient.rule, low.rule}


@given(LISTS, AZIMUTHS, st.dictionaries(st.text("ABC", min_size=1), st.integers(0, 2), max_size=3))
@settings(max_examples=4, deadline=None)
@example([shot("A", 12.0, 50.0, n_obs=2), shot("B", 13.0, 51.0)], None, {"B": 1})
def test_a_plan_runs_one_shot_after_the_other_and_none_too_often(
    listed: Sequence[Shot], azimuth: float | None, done: dict[str, int]
) -> None:
    plan = plan_night(prepare(tuple(listed)), *NIGHT, LIMITS, done, azimuth)
    ends = [NIGHT[0], *(planned.ends for planned in plan)]
    assert all(end <= planned.proposal.time for end, planned in zip(ends, plan, strict=False))
    assert all(planned.ends - planned.proposal.time == LIMITS.shot_s * MICROS for planned in plan)
    visits = Counter(planned.proposal.shot.shotid for planned in plan if planned.proposal.shot)
    wanted = {one.shotid: max(0, one.n_obs - done.get(one.shotid, 0)) for one in listed}
    assert all(wanted[name] >= count for name, count in visits.items())


def test_of_a_shotid_that_comes_twice_the_first_counts() -> None:
    twice = (shot("A", 13.3, 51.8), shot("A", 13.3, 51.8, priority=0), EASTERN)
    assert [one.priority for one in prepare(twice).shots] == [1, 1]
    assert prepare(twice, "d") is prepare(twice, "d")
    assert prepare(twice, "d") is not prepare(twice, "e")


def test_which_shots_never_come_within_reach() -> None:
    listed = [shot("A", 1.0, -60.0), EASTERN, shot("B", 1.0, 20.0, track=EAST, forced_az=300.0)]
    assert reachable(prepare(listed)) == [False, True, False]


def test_constraints_are_those_of_the_settings() -> None:
    text = {"exposure_time": "400.0", "setup_time": "227.0", "readout_time": "40.0"}
    others = {"sun_below": "-12.0", "moon_below": "-1.0", "moon_illumination": "0.1", "more": "x"}
    found = Constraints.of(text | others)
    assert found == Constraints(400, 227, 40, -12, -1, 0.1)
    assert (found.exposures_s, found.on_track_s, found.shot_s) == (1200, 1507, 1547)
