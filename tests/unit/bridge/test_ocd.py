"""Events have OCD's names, or none, for those who listen."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from producers import ocd, tcs_wire
from schemas.catalogue import events
from schemas.events.orchestrator import AllowanceChanged, StateChanged, StatesReported
from schemas.events.shots import (
    WEST,
    ExposureFinished,
    ExposureStarted,
    ShotFinished,
    ShotOrder,
    ShotStarted,
    TelescopeSetupFinished,
    TelescopeSetupStarted,
)
from schemas.events.silence import SystemFellSilent, SystemSpokeAgain
from schemas.events.tcs import TcsEvent
from schemas.events.ticks import TimePassed
from tests.unit.recordings.arbitrary import EVENTS, event
from tests.unit.schemas.arbitrary import any_event

NOW = 1526374900_000000


@given(EVENTS)
def test_what_tcs_said_goes_out_as_it_came(one: TcsEvent) -> None:
    (found,) = ocd.as_tcs(one, NOW)
    assert found is one


@given(EVENTS)
def test_what_is_sent_anew_was_made_as_long_ago_as_then(one: TcsEvent) -> None:
    found = ocd.of_now(one, NOW)

    assert found.wire_time == NOW
    assert found.wire_time - found.data_time == one.wire_time - one.data_time
    assert not {"__data_time", "__wire_time"} & set(found.original_text)
    assert (found.topic, found.values) == (one.topic, one.values)


@given(any_event())
def test_every_event_has_a_name_on_the_wire_or_none(one: object) -> None:
    found = ocd.as_tcs(one, NOW)

    if type(one) is not TcsEvent:
        order = getattr(one, "order", None)
        named = type(one) in ocd.NAMED and (order is None or order.followed)
        empty = isinstance(one, StatesReported) and not one.states
        assert bool(found) == (named and not empty)
        assert all(len(tcs_wire.frames_of(each)) == 2 for each in found)


def test_only_declared_events_are_named() -> None:
    assert set(ocd.NAMED) <= set(events().values())


def test_each_has_one_row_in_the_page_s_table() -> None:
    page = Path(__file__).parents[3] / "docs" / "how-to" / "bridge-zeromq.md"
    rows = re.findall(r"^\| (.*?) \|", page.read_text(encoding="utf-8"), re.MULTILINE)

    for cls in ocd.NAMED:
        assert [row for row in rows if f"`{cls.__name__}`" in row][1:] == [], cls
        assert any(f"`{cls.__name__}`" in row for row in rows), cls


@pytest.mark.parametrize(
    ("said", "old", "new"),
    [
        (SystemFellSilent(NOW - 5, "pas", NOW - 31_000_000, 30.0), "speaking", "silent"),
        (SystemSpokeAgain(NOW - 5, "pas", NOW - 40_000_000), "silent", "speaking"),
    ],
)
def test_a_change_of_state(said: object, old: str, new: str) -> None:
    (found,) = ocd.as_tcs(said, NOW)

    assert (found.topic, found.data_time, found.wire_time) == ("ocd.states.change", NOW - 5, NOW)
    assert found.more_data is False
    assert set(found.values) == {
        *("machine_name", "transition", "old_state", "new_state", "msg", "traceback")
    }
    assert (found.values["old_state"], found.values["new_state"]) == (old, new)
    assert found.values["machine_name"] == "silence.pas"


def test_the_orchestrator_s_machines_speak_as_ocd_s_do() -> None:
    changed = StateChanged(NOW, "metrology", "worsen", "good", "bad", "seeing: 3.10; at most 2.5.")

    assert told(
        changed,
        StatesReported(NOW, {"run_shot": "idle", "meta": "not_satisfied"}),
        AllowanceChanged(NOW, "token", True, "ra"),
    ) == [
        {
            "": "ocd.states.change",
            "machine_name": "metrology",
            "transition": "worsen",
            "old_state": "good",
            "new_state": "bad",
            "msg": "seeing: 3.10; at most 2.5.",
            "traceback": "",
        },
        {"": "ocd.states.state", "machine_name": "run_shot", "state": "idle"},
        {"": "ocd.states.state", "machine_name": "meta", "state": "not_satisfied"},
        {"": "ocd.states.hetdex_allowed", "allowed": True, "who": "ra"},
    ]


ORDER = ShotOrder(
    "HS0050",
    12,
    *(11.5, -4.25, 120.0),
    WEST,
    [360.0, 361.0, 362.0],
    {"QIFU": "000", "type": "mine", "__key": "reserved"},
    by_hand=True,
    followed=True,
)


def told(*events: object) -> list[Mapping[str, Any]]:
    """Return what OCD's listeners get of events, under the name of each."""
    found = [one for event in events for one in ocd.as_tcs(event, NOW)]
    return [{"": one.topic, **one.values} for one in found]


def test_a_shot_that_ocd_follows_is_told_in_its_words() -> None:
    shot = {
        "shotid": "HS0050",
        "obs_number": 12,
        "ra": 11.5,
        "dec": -4.25,
        "azimuth": 120.0,
        "track": 1,
        "exp01": 360.0,
        "exp02": 361.0,
        "exp03": 362.0,
        "QIFU": "000",
    }
    run = {"": "ocd.run_shot.run", "type": "mine", **shot}
    good = {"error": False, "exc_type": "", "exc_value": "", "traceback": ""}
    bad = {
        "error": True,
        "exc_type": "SetupFailed",
        "traceback": "no guide star found",
        "exc_value": "in set-up: `syscmd find` ended with exit code 3",
    }
    fault = ("set-up", "SetupFailed", "`syscmd find` ended with exit code 3", "no guide star found")
    exposure = {
        "": "ocd.run_shot.exp_hetdex",
        "exposure": 2,
        "seconds": 361.0,
        "observation": 12,
        "object": "HS0050_W",
        "recipe": "evctl run shots",
        "x_binning": 2,
        "y_binning": 1,
        "type": "sci",
    }
    setup = {"": "ocd.run_shot.setup_telescope", "type": "mine", **shot}

    assert told(
        ShotStarted(NOW, "id", ORDER),
        TelescopeSetupStarted(NOW, "id", ORDER),
        TelescopeSetupFinished(NOW, "id", ORDER),
        ExposureStarted(NOW, "id", ORDER, 2, 361.0),
        ExposureFinished(NOW, "id", ORDER, 2, 361.0, 4),
        ShotFinished(NOW, "id", ORDER, False, "", "", "", ""),
        ShotFinished(NOW, "id", ORDER, True, *fault),
    ) == [
        {**run, "exec_status": 0, **good},
        {**setup, "exec_status": 0},
        {**setup, "exec_status": 1},
        {**shot, "exec_status": 0, **exposure},
        {**shot, "exec_status": 1, **exposure},
        {**run, "exec_status": 1, **good},
        {**run, "exec_status": 1, **bad},
    ]


def test_a_shot_by_hand_that_nobody_follows_is_not_told() -> None:
    assert told(ShotStarted(NOW, "id", replace(ORDER, followed=False))) == []


def test_a_tick_is_nobody_s_event() -> None:
    assert not ocd.as_tcs(TimePassed(NOW), NOW)


def test_a_heartbeat_s_answer_has_the_token_of_the_enquiry() -> None:
    asked = event({"id": "a8f3"}, system="ocd", source="heartbeat", key="enquiry")
    reply = ocd.heartbeat_reply(asked, NOW)

    assert reply is not None
    assert (reply.topic, reply.values) == ("ocd.heartbeat.reply", {"id": "a8f3"})
    assert (reply.data_time, reply.wire_time) == (NOW, NOW)
    assert ocd.heartbeat_reply(reply, NOW) is None
    assert ocd.heartbeat_reply(event({"id": 1}), NOW) is None
    no_token = event({}, system="ocd", source="heartbeat", key="enquiry")
    assert ocd.heartbeat_reply(no_token, NOW) is None
