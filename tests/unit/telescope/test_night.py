"""The simulated telescope: what it says by itself, and what comes of what is asked of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from random import Random
from statistics import median, quantiles
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.telescope.faults import Faults, parse_faults
from producers.telescope.shots import setup_time
from schemas.events.observation_numbers import (
    ObservationNumberExpired,
    ObservationNumberRequested,
    ObservationNumberStarted,
    ObservationNumberTaken,
)
from schemas.events.orchestrator import AllowanceChanged
from schemas.events.schedules import ScheduleFailed, ScheduleRequested
from schemas.events.shot_lists import Shot, ShotListLoaded
from schemas.events.shots import (
    ExposureFinished,
    ExposureStarted,
    ShotAbortRequested,
    ShotExpired,
    ShotFinished,
    ShotStarted,
    TelescopeSetupFinished,
    TelescopeSetupStarted,
)
from schemas.events.tcs import TcsEvent
from schemas.events.ticks import TimePassed
from schemas.utc import MICROS
from tests.unit.telescope.played import START, of_class, played, scenario, wanted, when

HEARTBEAT = "tcs.receiver.heartbeat"
ABORT = ShotAbortRequested(START, "", "an observer", "a plane")
SHOT_EVENTS = (
    *(ShotStarted, TelescopeSetupStarted, TelescopeSetupFinished, ExposureStarted),
    *(ExposureFinished, ShotFinished, ShotExpired),
)


def number(valid: float = 3600) -> ObservationNumberRequested:
    return ObservationNumberRequested(START, "DEX1", "", START, START + round(valid * MICROS))


def test_a_night_says_what_a_telescope_says_as_often() -> None:
    events = played(scenario(600))
    named = Counter(event.topic for event in of_class(events, TcsEvent))
    assert named == {
        HEARTBEAT: 121,
        "tcs.root.ra_dec": pytest.approx(2400, abs=1),
        "pas.Guider1.metrology_data": pytest.approx(121, abs=1),
        "pas.Guider2.metrology_data": pytest.approx(121, abs=1),
        "legacy.weather.conditions": pytest.approx(61, abs=1),
    }
    ticks = of_class(events, TimePassed)
    assert [tick.time for tick in ticks] == [START + n * MICROS for n in range(601)]
    assert events[-1].topic == HEARTBEAT


def test_shots_are_allowed_behind_the_first_heartbeat_and_the_list_comes_with_that() -> None:
    shots = (Shot("DEX1", 11.1, 51.8, 0, 1, 1, None, {}),)
    events = played(scenario(10, shots=shots, name="shots.txt"))
    loaded, allowed = of_class(events, ShotListLoaded, AllowanceChanged)
    first = next(n for n, event in enumerate(events) if getattr(event, "key", "") == "heartbeat")
    assert events.index(loaded) > first
    assert (loaded.shots, loaded.name, allowed.allowed) == (shots, "shots.txt", True)
    assert of_class(played(scenario(10, allowed=False)), AllowanceChanged) == []


def test_a_good_shot_is_told_in_order_and_the_pointing_follows_it() -> None:
    events = played(scenario(2400), {3: [wanted()]})
    told = of_class(events, *SHOT_EVENTS)
    assert [type(event) for event in told] == [
        *(ShotStarted, TelescopeSetupStarted, TelescopeSetupFinished),
        *([ExposureStarted, ExposureFinished] * 3),
        ShotFinished,
    ]
    assert {event.request for event in told} == {"request-3-0"}
    assert told[0].time > START + 15 * MICROS
    assert not told[-1].error
    assert [event.exposure for event in told[3:-1]] == [1, 1, 2, 2, 3, 3]
    during = [
        event.values
        for event in of_class(events, TcsEvent)
        if event.source == "root" and told[2].time < event.data_time < told[-1].time
    ]
    assert {(values["ra"], values["dec"], values["azimuth"]) for values in during} == {
        (11.1, 51.8, 71.5)
    }


def test_set_ups_take_as_long_as_real_ones() -> None:
    chance = Random(3)
    times = [setup_time(chance) for _ in range(4000)]
    assert median(times) == pytest.approx(227, rel=0.05)
    low, *_, high = quantiles(times, n=20)
    assert low == pytest.approx(143, rel=0.1)
    assert high == pytest.approx(623, rel=0.1)


@pytest.mark.parametrize(
    ("faults", "step"), [(Faults(setup=1.0), "set-up"), (Faults(exposure=1.0), "exposure 1")]
)
def test_a_shot_fails_where_it_is_asked_to(faults: Faults, step: str) -> None:
    *_, last = of_class(played(scenario(2400, faults=faults), {1: [wanted()]}), *SHOT_EVENTS)
    assert (type(last), last.error, last.step) == (ShotFinished, True, step)
    assert "as it was asked to" in last.reason


def test_an_aborted_shot_ends_at_once_and_the_next_one_can_begin() -> None:
    events = played(scenario(2400), {1: [wanted()], 3: [ABORT], 5: [wanted("DEX2")]})
    ended, second = of_class(events, ShotFinished)
    assert (ended.kind, ended.reason) == ("Aborted", "an observer asked for it: a plane")
    assert (second.order.shotid, second.error) == ("DEX2", False)
    assert len(of_class(events, ExposureFinished)) == 3


def test_a_busy_telescope_refuses_and_one_that_is_asked_too_late_does_nothing() -> None:
    asked = {1: [wanted("DEX1"), wanted("DEX2"), wanted("DEX3", valid=2)]}
    events = of_class(played(scenario(60), asked), *SHOT_EVENTS)
    assert [event.order.shotid for event in events if isinstance(event, ShotStarted)] == ["DEX1"]
    (refused,) = of_class(events, ShotFinished)
    assert (refused.order.shotid, refused.kind) == ("DEX2", "TelescopeBusy")
    assert [event.order.shotid for event in of_class(events, ShotExpired)] == ["DEX3"]


def test_numbers_rise_from_one_and_no_scheduler_is_called() -> None:
    asked: Mapping[int, Sequence[Any]] = {
        1: [number()],
        2: [number(), number(valid=3)],
        3: [scheduling()],
    }
    events = played(scenario(60), asked)
    taken = of_class(events, ObservationNumberTaken)
    assert [(one.obsdate, one.obsnum, one.inst) for one in taken] == [
        ("2019-03-07", 1, "virus"),
        ("2019-03-07", 2, "virus"),
    ]
    assert [one.request for one in of_class(events, ObservationNumberStarted)] == [
        "request-1-0",
        "request-2-0",
    ]
    assert [one.request for one in of_class(events, ObservationNumberExpired)] == ["request-2-1"]
    (failed,) = of_class(events, ScheduleFailed)
    assert "builtin" in failed.reason


def scheduling() -> ScheduleRequested:
    return ScheduleRequested(START, START, 1.5, 0.8, None, START + 60 * MICROS)


def test_tcs_and_the_guiders_fall_silent_for_as_long_as_they_are_asked_to() -> None:
    faults = parse_faults(["silent:02:32+60s", "guider:02:35+1m"])
    events = of_class(played(scenario(600, faults=faults)), TcsEvent)
    for systems, begin in (({"tcs"}, 120), ({"pas"}, 300)):
        times = [when(event) for event in events if event.system in systems]
        gaps = [(a, b) for a, b in pairwise(times) if b - a > 6 * MICROS]
        ((last, first),) = gaps
        assert last < START + begin * MICROS <= last + 5 * MICROS
        assert first == START + (begin + 60) * MICROS


@settings(max_examples=20)
@given(
    seed=st.integers(),
    asked=st.dictionaries(
        st.integers(0, 40),
        st.lists(
            st.sampled_from([wanted(seconds=5.0), wanted("DEX2", 90), number(), ABORT]), max_size=3
        ),
        max_size=6,
    ),
)
def test_laws_of_every_night(seed: int, asked: dict[int, list[Any]]) -> None:
    """It is a function of its scenario and of what is asked; time never goes back at its end.

    What is said of a request comes behind the heartbeat at which it was heard, and once.
    """
    night = scenario(200, seed=seed, faults=Faults(setup=0.3))
    events = played(night, asked)
    assert repr(events) == repr(played(night, asked))
    sent = [getattr(event, "wire_time", 0) or when(event) for event in events]
    assert sent == sorted(sent)
    for event in events:
        if isinstance(event, SHOT_EVENTS):
            heard = int(event.request.split("-")[1])
            assert event.time > START + heard * 5 * MICROS
    ends = Counter(event.request for event in of_class(events, ShotFinished, ShotExpired))
    assert set(ends.values()) <= {1}
