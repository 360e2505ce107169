"""A TCS event goes out as it came in, and whatever else comes in is named for what it is."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from producers import Entry, tcs_wire
from producers.tcs_wire import Misfit, NotOnWire
from schemas.avro import reader, schema_of, writer
from schemas.events.tcs import TcsEvent
from tests.unit.recordings.arbitrary import EVENTS, content, event

NAME = b"pas.Guider1.metrology_data"
SENT = {
    "__system": "pas",
    "__source": "Guider1",
    "__key": "metrology_data",
    "__data_time": "1526374800.123456",
    "__wire_time": "1526374800.125000",
    "__data": False,
    "fit.gauss_par(3)": 42,
    "image_quality": 1.2,
    "filter": "g",
    "closed": True,
    "probes": [1, 2.5, None],
}


def frames(**changes: Any) -> list[bytes]:
    """Return the message of an event, some members changed, or left out where they are `...`."""
    members = {name: value for name, value in {**SENT, **changes}.items() if value is not ...}
    return [NAME, json.dumps(members).encode()]


def same(one: TcsEvent, other: TcsEvent) -> bool:
    return content([Entry(one, None, 0)]) == content([Entry(other, None, 0)])


def test_an_event_of_the_wire() -> None:
    event = tcs_wire.parse(frames())

    assert event.topic.encode() == NAME
    assert (event.data_time, event.wire_time) == (1526374800_123456, 1526374800_125000)
    assert event.values == {name: v for name, v in SENT.items() if not name.startswith("__")}
    assert event.original_text == {}
    name, text = tcs_wire.frames_of(event)
    assert (name, json.loads(text)) == (NAME, SENT)


DOTLESS = st.text(st.characters(codec="utf-8").filter(lambda letter: letter != "."))


@given(EVENTS, DOTLESS, DOTLESS, DOTLESS)
def test_what_goes_out_is_the_same_when_it_comes_in(
    event: TcsEvent, system: str, source: str, key: str
) -> None:
    event = replace(event, system=system, source=source, key=key)
    there = tcs_wire.parse(tcs_wire.frames_of(event))
    back = tcs_wire.parse(tcs_wire.frames_of(there))

    assert same(there, back)
    assert same(there, replace(event, original_text=there.original_text))
    assert there.original_text.items() <= event.original_text.items()


@given(EVENTS, DOTLESS)
def test_the_log_changes_nothing_of_it(event: TcsEvent, name: str) -> None:
    event = replace(event, system=name, source=name, key=name)
    through = reader(schema_of(TcsEvent), TcsEvent)(writer(TcsEvent)(event), 0)

    assert tcs_wire.frames_of(through) == tcs_wire.frames_of(event)


@pytest.mark.parametrize(
    ("spelled", "micros"),
    [
        ("1526374800.12", 1526374800_120000),
        ("1526374800", 1526374800_000000),
        ("1526374800.1234567", 1526374800_123456),
    ],
)
def test_times_keep_their_spelling(spelled: str, micros: int) -> None:
    event = tcs_wire.parse(frames(__data_time=spelled))

    assert event.data_time == micros
    assert json.loads(tcs_wire.frames_of(event)[1])["__data_time"] == spelled


def test_a_time_that_is_a_number_goes_out_as_text() -> None:
    event = tcs_wire.parse(frames(__wire_time=1526374800.25))

    assert event.wire_time == 1526374800_250000
    assert json.loads(tcs_wire.frames_of(event)[1])["__wire_time"] == "1526374800.25"


def test_numbers_that_json_has_not_travel_as_python_writes_them() -> None:
    event = tcs_wire.parse(frames(a=math.nan, b=-math.inf))
    text = tcs_wire.frames_of(event)[1]

    assert b'"a":NaN,"b":-Infinity' in text


@pytest.mark.parametrize(
    ("message", "misfit"),
    [
        ([], Misfit.FRAMES),
        ([NAME], Misfit.FRAMES),
        ([*frames(), b""], Misfit.FRAMES),
        ([b"\xff.a.b", frames()[1]], Misfit.TEXT),
        ([NAME, b'{"a": "\xff"}'], Misfit.TEXT),
        ([NAME, json.dumps(SENT).encode("utf-16")], Misfit.TEXT),
        ([b"pas.Guider1", frames()[1]], Misfit.NAME),
        ([b"", frames()[1]], Misfit.NAME),
        ([NAME + b".x", frames()[1]], Misfit.NAME),
        ([NAME, b""], Misfit.JSON),
        ([NAME, frames()[1][:-1]], Misfit.JSON),
        ([NAME, b"[1]"], Misfit.JSON),
        ([NAME, b"[" * 100_000], Misfit.JSON),
        ([NAME, b'{"a": ' * 5000], Misfit.JSON),
        (frames(__data_time=...), Misfit.MEMBERS),
        (frames(__data_time="dusk"), Misfit.MEMBERS),
        (frames(__wire_time="1e30"), Misfit.MEMBERS),
        (frames(__data="perhaps"), Misfit.MEMBERS),
        (frames(__key=7), Misfit.MEMBERS),
        (frames(a={"b": 1}), Misfit.MEMBERS),
        (frames(a=[[1]]), Misfit.MEMBERS),
        (frames(a=2**63), Misfit.MEMBERS),
        (frames(__id="x"), Misfit.MEMBERS),
        (frames(__key="metrology"), Misfit.TWO_NAMES),
    ],
)
def test_what_is_no_event_is_named(message: list[bytes], misfit: Misfit) -> None:
    with pytest.raises(NotOnWire) as caught:
        tcs_wire.parse(message)

    assert caught.value.misfit is misfit
    assert len(caught.value.detail) <= 80


@given(st.lists(st.binary(), max_size=3))
@example([b"a.b.c", b'{"__system": NaN}'])
@example([b"a.b.c", b'{"\\ud800": 1}'])
def test_no_bytes_do_harm(message: list[bytes]) -> None:
    with pytest.raises(NotOnWire):
        tcs_wire.parse(message)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(list(SENT)) | st.text(), JSON, max_size=4))
def test_no_members_do_harm(changes: dict[str, Any]) -> None:
    try:
        event = tcs_wire.parse([NAME, json.dumps({**SENT, **changes}).encode()])
    except NotOnWire:
        return
    writer(TcsEvent)(event)
    assert same(tcs_wire.parse(tcs_wire.frames_of(event)), event)


@pytest.mark.parametrize(
    "made", [event({}, key="ra.dec"), event({}, key="a.b.c"), event({"__key": 1})]
)
def test_an_event_that_the_wire_has_no_message_for_is_refused(made: TcsEvent) -> None:
    with pytest.raises(NotOnWire):
        tcs_wire.frames_of(made)
