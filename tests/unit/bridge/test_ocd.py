"""Events have OCD's names, or none, for those who listen."""

import pytest
from hypothesis import given

from producers import ocd, tcs_wire
from schemas.catalogue import events
from schemas.events.silence import SystemFellSilent, SystemSpokeAgain
from schemas.events.tcs import TcsEvent
from schemas.events.ticks import TimePassed
from tests.unit.recordings.arbitrary import EVENTS, event
from tests.unit.schemas.arbitrary import any_event

NOW = 1526374900_000000


@given(EVENTS)
def test_what_tcs_said_goes_out_as_it_came(one: TcsEvent) -> None:
    assert ocd.as_tcs(one, NOW) is one


@given(any_event())
def test_every_event_has_a_name_on_the_wire_or_none(one: object) -> None:
    found = ocd.as_tcs(one, NOW)

    if type(one) is not TcsEvent:
        assert (found is not None) == (type(one) in ocd.NAMED)
        assert found is None or len(tcs_wire.frames_of(found)) == 2


def test_only_declared_events_are_named() -> None:
    assert set(ocd.NAMED) <= set(events().values())


@pytest.mark.parametrize(
    ("said", "old", "new"),
    [
        (SystemFellSilent(NOW - 5, "pas", NOW - 31_000_000, 30.0), "speaking", "silent"),
        (SystemSpokeAgain(NOW - 5, "pas", NOW - 40_000_000), "silent", "speaking"),
    ],
)
def test_a_change_of_state(said: object, old: str, new: str) -> None:
    found = ocd.as_tcs(said, NOW)

    assert found is not None
    assert (found.topic, found.data_time, found.wire_time) == ("ocd.states.change", NOW - 5, NOW)
    assert found.more_data is False
    assert set(found.values) == {
        *("machine_name", "transition", "old_state", "new_state", "msg", "traceback")
    }
    assert (found.values["old_state"], found.values["new_state"]) == (old, new)
    assert found.values["machine_name"] == "silence.pas"


def test_a_tick_is_nobody_s_event() -> None:
    assert ocd.as_tcs(TimePassed(NOW), NOW) is None


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
