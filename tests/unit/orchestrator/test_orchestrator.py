"""What the orchestrator decides, in stories."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from math import nan

import pytest

from consumers.orchestrator import listener, service
from consumers.orchestrator.judging import differences
from schemas.events.observation_numbers import (
    ObservationNumberExpired,
    ObservationNumberFailed,
    ObservationNumberRequested,
)
from schemas.events.orchestrator import (
    OptionChanged,
    OrchestratorAnswered,
    OrchestratorAsked,
    OrchestratorStarted,
    ShotChosen,
    ShotWithheld,
    StateChanged,
    StatesReported,
)
from schemas.events.schedules import ScheduleFailed, ScheduleRequested, ShotProposed
from schemas.events.shots import ShotExpired, ShotRequested, ShotStarted
from schemas.utc import MICROS, parse
from tests.unit.orchestrator.story import SHOT, Story, finished, order_by_hand, states, with_id


def ready(**settings: str) -> Story:
    story = Story()
    story.begin(**settings)
    return story


def test_a_shot_is_chosen_numbered_asked_for_followed_and_counted() -> None:
    story = ready()
    story.good_sky()
    (chosen,), (asked,) = story.of(ShotChosen), story.of(ObservationNumberRequested)
    assert chosen.shotid == asked.shot == SHOT.shotid
    assert all(verdict.passed for verdict in chosen.verdicts)

    story.number(42)
    (requested,) = story.of(ShotRequested)
    order = requested.order
    assert (order.obs_number, order.ra, order.dec) == (42, SHOT.ra, SHOT.dec)
    assert order.exposures == [360.0] * 3
    assert order.metadata == SHOT.metadata

    story.run()
    moves = [one.new for one in story.of(StateChanged) if one.machine == "run_shot"]
    assert moves == ["numbering", "requested", "setting_up", "exposing", "idle"]
    assert story.state.visits == {SHOT.shotid: 1}
    assert len(story.of(ShotChosen)) == 1, "its only visit is done"
    assert story.of(ShotWithheld)[-1].rules == ["visits_done"]


def test_everything_in_a_decision_can_be_traced() -> None:
    story = ready()
    story.good_sky()
    (chosen,) = story.of(ShotChosen)
    assert chosen.conditions.seeing == 1.5
    assert chosen.conditions.measurements == 3
    assert chosen.settings["seeing_limit"] == "2.5"
    assert set(chosen.causes) >= {"metrology", "allowance", "shot_list", "tick", "heartbeat"}
    assert chosen.shot_list == story.state.shots.digest  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("sky", "rule"),
    [
        ({"seeing": 2.6}, "seeing"),
        ({"clear": 0.4}, "transparency"),
        ({"sky": 17.0}, "sky_brightness"),
        ({"sky": None}, "sky_brightness"),
        ({"seeing": nan}, "measurements"),
        ({"seeing": "wide"}, "measurements"),
    ],
)
def test_a_bad_sky_keeps_a_shot_back(sky: dict[str, object], rule: str) -> None:
    story = ready()
    for _ in range(3):
        story.measure(**sky)
    story.wait(1)
    assert not story.of(ShotChosen)
    assert rule in story.of(ShotWithheld)[-1].rules


def test_why_not_is_said_once_for_each_change_of_reason() -> None:
    story = ready()
    story.wait(50)
    said = [tuple(one.rules) for one in story.of(ShotWithheld)]
    assert all(one != other for one, other in pairwise(said))
    assert said[-1][:3] == ("metrology", "measurements", "age")
    story.allow(False)
    assert story.of(ShotWithheld)[-1].rules[:2] == ["metrology", "hetdex_allowed"]
    assert len(story.of(ShotWithheld)) == len(said) + 1


def test_stop_lets_a_running_shot_finish_and_begins_no_other() -> None:
    story = Story()
    story.begin(SHOT, with_id(SHOT, "DEX2"))
    story.good_sky()
    story.number()
    request, order = story.request_of(ShotRequested), story.of(ShotRequested)[-1].order
    story.tell(ShotStarted(story.now, request, order))
    story.allow(False)
    assert story.state.states["run_shot"] == "setting_up"
    story.tell(finished(story.now, request, order))
    story.good_sky()
    assert len(story.of(ShotChosen)) == 1
    story.allow()
    assert [one.shotid for one in story.of(ShotChosen)] == ["DEX1", "DEX2"]


def test_old_measurements_say_nothing() -> None:
    story = ready()
    story.good_sky()
    story.number()
    story.run()
    assert states(story.wait(70))["metrology"] == "unknown"


def test_a_silent_telescope_is_a_state() -> None:
    story = ready()
    changes = [one for one in story.wait(40, heartbeat=False) if isinstance(one, StateChanged)]
    assert ("tcs", "silent") in [(one.machine, one.new) for one in changes]
    assert states(story.wait(1))["tcs"] == "speaking"


def test_each_heartbeat_is_answered_after_all_that_was_decided() -> None:
    story = ready()
    story.good_sky()
    said = story.wait(3)
    assert Counter(type(one) for one in said)[StatesReported] == 3
    assert isinstance(said[-1], StatesReported)
    assert said[-1].states["run_shot"] == "numbering"


def test_a_new_start_forbids_and_forgets_and_a_recovery_goes_on() -> None:
    story = ready()
    story.tell(OptionChanged(story.now, "t", "orchestrator", "seeing_limit", "1.0", "ra"))
    story.good_sky()
    assert not story.of(ShotChosen)
    told = service()
    assert told.opening is not None
    assert told.opening(story.state, story.now) == OrchestratorStarted(story.now, recovery=True)
    story.tell(OrchestratorStarted(story.now, recovery=True))
    assert story.state.allowed
    assert story.state.options

    assert told.closing is not None
    story.tell(told.closing(story.state, story.now))
    began = told.opening(story.state, story.now)
    assert began == OrchestratorStarted(story.now, recovery=False)
    assert states(story.tell(began))["hetdex_allowed"] == "forbidden"
    assert not story.state.options


def test_a_number_that_does_not_come_gives_the_shot_up_and_it_is_tried_again() -> None:
    story = ready()
    story.good_sky()
    request = story.request_of(ObservationNumberRequested)
    story.tell(ObservationNumberFailed(story.now, request, SHOT.shotid, "MySQL is away"))
    assert story.state.states["run_shot"] == "idle"
    assert len(story.of(ShotChosen)) == 1
    story.wait(30)
    assert len(story.of(ShotChosen)) == 2
    request = story.request_of(ObservationNumberRequested)
    story.tell(ObservationNumberExpired(story.now, request, SHOT.shotid, story.now))
    assert story.state.pending is None


def test_a_request_that_nobody_answers_is_given_up() -> None:
    story = ready()
    story.good_sky()
    story.wait(100)
    given_up = [one for one in story.of(StateChanged) if one.transition == "give_up"]
    assert "worker" in given_up[0].reason


def test_a_failed_shot_is_left_alone_for_a_while() -> None:
    story = Story()
    story.begin(SHOT, with_id(SHOT, "DEX2", priority=2), with_id(SHOT, "DEX3", priority=3))
    story.good_sky()
    story.number()
    story.run(error=True)
    assert [one.shotid for one in story.of(ShotChosen)] == ["DEX1", "DEX2"]
    request, order = story.request_of(ShotRequested), story.of(ShotRequested)[-1].order
    story.number()
    request = story.request_of(ShotRequested)
    story.tell(ShotExpired(story.now, request, order, story.now))
    assert story.state.states["run_shot"] == "idle"


def test_a_shot_by_hand_is_followed_if_it_says_so() -> None:
    story = ready()
    story.good_sky()
    story.number()
    order = story.of(ShotRequested)[-1].order
    story.run()

    for followed in (False, True):
        by_hand = replace(order, by_hand=True, followed=followed)
        story.tell(ShotStarted(story.now, f"hand-{followed}", by_hand))
        assert (story.state.states["run_shot"] == "setting_up") is followed
        story.tell(finished(story.now, f"hand-{followed}", by_hand))
        assert story.state.states["run_shot"] == "idle"
    assert story.state.visits == {SHOT.shotid: 3}


def test_visits_count_under_each_list_until_one_says_what_is_left() -> None:
    story = ready()
    story.good_sky()
    story.number()
    story.run()
    story.load(SHOT, with_id(SHOT, "DEX0", priority=9, n_obs=0))
    story.wait(1)
    assert story.state.visits == {SHOT.shotid: 1}
    assert story.of(ShotWithheld)[-1].rules == ["visits_done"]

    story.load(SHOT, visits_left=True)
    assert story.state.visits == {}
    story.good_sky()
    assert [one.shotid for one in story.of(ShotChosen)] == [SHOT.shotid] * 2
    assert differences(story.of(ShotChosen)[-1], story.state.shots) == []
    story.number()
    story.run()
    story.load(SHOT)  # a correction
    assert story.state.visits == {SHOT.shotid: 1}


def test_a_number_of_yesterday_is_not_used_today() -> None:
    story = Story(now=parse("2019-03-07T23:59:50Z"))
    story.begin(sun_below="90", moon_below="90")
    story.load(with_id(SHOT, "DEX4", ra=6.65))
    story.good_sky()
    story.wait(10)
    story.number(17)
    assert not story.of(ShotRequested)
    assert story.state.states["run_shot"] == "idle"
    assert any("17 is of 2019-03-07" in one.reason for one in story.of(StateChanged))
    story.wait(20)
    assert story.of(ObservationNumberRequested)[-1].date_time > parse("2019-03-08T00:00:00Z")


def test_while_the_telescope_is_at_another_shot_no_number_is_taken() -> None:
    story = ready()
    order = order_by_hand()
    story.tell(ShotStarted(story.now, "hand", order))
    story.good_sky()
    story.wait(30)
    assert not story.of(ShotChosen)
    why = story.of(ShotWithheld)[-1]
    assert why.rules == ["telescope"]
    assert "HAND1" in why.reason
    assert not differences(why, story.state.shots), "judged once more it is the same"
    story.tell(finished(story.now, "hand", order))
    assert len(story.of(ShotChosen)) == 1


def test_a_shot_whose_end_nobody_tells_is_over_in_the_end() -> None:
    story = ready()
    story.good_sky()
    story.number()
    request, order = story.request_of(ShotRequested), story.of(ShotRequested)[-1].order
    story.tell(ShotStarted(story.now, request, order))
    story.now += 3600 * MICROS
    story.wait(1)
    assert story.state.states["run_shot"] == "setting_up", "it may take its time"
    story.tell(ShotStarted(story.now, "hand", order_by_hand()))
    story.now += 4 * 3600 * MICROS
    story.wait(1)
    assert story.state.states["run_shot"] == "idle"
    assert any("nobody said" in one.reason for one in story.of(StateChanged))
    story.good_sky()
    assert "telescope" not in story.of(ShotWithheld)[-1].rules


def test_no_shot_is_chosen_by_a_clock_that_stands() -> None:
    story = ready()
    story.now += 40 * MICROS
    story.tell(story.tcs("tcs.receiver.heartbeat"))
    story.good_sky()
    assert not story.of(ShotChosen)
    why = story.of(ShotWithheld)[-1]
    assert why.rules == ["clock"]
    assert "40 s behind TCS" in why.reason
    story.wait(1)
    assert len(story.of(ShotChosen)) == 1


def test_who_only_listens_asks_for_nothing_and_answers_nobody() -> None:
    story = Story(listener.service())
    story.begin()
    story.allow(False)
    story.good_sky()
    (chosen,) = story.of(ShotChosen)
    assert chosen.would_have
    assert not story.of(ObservationNumberRequested)
    assert not story.tell(OrchestratorAsked(story.now, "t", "presence", "", "ra", story.now))
    shot_s = 300 + 3 * 360 + 3 * 45
    story.wait(shot_s)
    assert story.state.states["run_shot"] in {"idle", "imagined"}
    assert any(one.old == "imagined" for one in story.of(StateChanged))


def test_what_a_listener_beside_decides_is_not_the_orchestrator_s() -> None:
    story, beside = Story(), Story(listener.service())
    for one in (beside, story):
        one.begin()
        one.good_sky()
    before = story.state

    story.tell(*(one.event for one in beside.said))

    assert beside.of(ShotChosen)
    assert (story.state.states, story.state.pending) == (before.states, before.pending)


@pytest.mark.parametrize(
    ("wish", "agrees"),
    [
        ("orchestrator.seeing_limit=1.2", True),
        ("orchestrator.sun_below=-12", True),
        ("orchestrator.seeing_limit=wide", False),
        ("orchestrator.no_such=1", False),
        ("run_shot.wait_last_write=no", True),
        ("log.data_dir=/tmp", False),
    ],
)
def test_an_option_is_agreed_to_if_it_can_be_had(wish: str, agrees: bool) -> None:
    story = ready()
    until = story.now + MICROS
    (answer,) = story.tell(OrchestratorAsked(story.now, "t", "option", wish, "ra", until))
    assert isinstance(answer, OrchestratorAnswered)
    assert (answer.token, answer.agrees) == ("t", agrees)
    assert answer.reason


def test_an_option_that_was_sent_counts_at_once() -> None:
    story = ready(seeing_limit="1.0")
    story.good_sky()
    assert not story.of(ShotChosen)
    story.tell(OptionChanged(story.now, "t", "orchestrator", "seeing_limit", "2.0", "ra"))
    assert len(story.of(ShotChosen)) == 1


def test_a_list_that_is_replaced_does_not_lose_the_shot_in_hand() -> None:
    story = ready()
    story.good_sky()
    story.load(with_id(SHOT, "OTHER"))
    story.number()
    assert story.of(ShotRequested)[-1].order.shotid == SHOT.shotid


def test_an_external_scheduler_is_asked_and_judged() -> None:
    story = ready(scheduler="external")
    story.good_sky()
    assert not story.of(ShotChosen)
    request = story.request_of(ScheduleRequested)
    story.tell(ScheduleFailed(story.now, request, "it hung"))
    assert story.state.states["run_shot"] == "idle"
    assert story.of(ShotWithheld)[-1].rules == ["scheduler"]
    assert "it hung" in story.of(ShotWithheld)[-1].reason
    story.wait(30)
    story.measure()
    request = story.request_of(ScheduleRequested)
    story.tell(ShotProposed(story.now, request, "NO_SUCH", 0, 76.0, "NO_SUCH 0 76"))
    assert not story.of(ShotChosen)
    story.wait(30)
    story.measure()
    request = story.request_of(ScheduleRequested)
    story.tell(ShotProposed(story.now, request, SHOT.shotid, 0, 76.0, "DEX1 0 76"))
    assert [one.scheduler for one in story.of(ShotChosen)] == ["external"]
    assert len(story.of(ObservationNumberRequested)) == 1


@pytest.mark.parametrize(
    ("track", "azimuth", "settings", "rule"),
    [
        (0, 10.0, {}, "none_in_window"),
        (1, 76.0, {}, "wrong_track"),
        (0, 76.0, {"sun_below": "-70"}, "sun_up"),
    ],
)
def test_what_another_scheduler_proposes_keeps_to_the_rules(
    track: int, azimuth: float, settings: dict[str, str], rule: str
) -> None:
    story = ready(scheduler="external", **settings)
    story.good_sky()
    request = story.request_of(ScheduleRequested)
    story.tell(ShotProposed(story.now, request, SHOT.shotid, track, azimuth, ""))
    assert not story.of(ShotChosen)
    why = story.of(ShotWithheld)[-1]
    assert rule in why.rules
    assert not differences(why, story.state.shots)
    assert story.state.states["run_shot"] == "idle"
