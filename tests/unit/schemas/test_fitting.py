"""Whether data fits a schema, and the sentence where it does not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import avro as codec
from schemas import utc
from schemas.avro import schema_of
from schemas.events.replays import ReplayFinished
from schemas.events.tcs import TcsEvent
from schemas.events.ticks import TimePassed
from schemas.fitting import DoesNotFit, event_from, fit, instants_of
from schemas.plain import from_plain, to_plain
from tests.unit.schemas.arbitrary import any_event

TCS: dict[str, Any] = {
    "data_time": "2017-11-18T18:00:00Z",
    "wire_time": 1_511_028_000_000_250,
    "system": "tcs",
    "source": "tracker",
    "key": "position",
    "more_data": False,
    "values": {"x": 1.5},
    "original_text": {},
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


def test_instants_may_be_text_or_micros() -> None:
    assert event_from(TcsEvent, TCS) == TcsEvent(**{**TCS, "data_time": 1_511_028_000_000_000})


@given(any_event())
def test_every_event_fits_its_own_schema(event: Any) -> None:
    cls: Any = type(event)
    fields = to_plain(cls)(event)
    for name in instants_of(schema_of(cls)):
        if fields[name] is not None:
            fields[name] = min(max(fields[name], utc.FIRST), utc.LAST)

    assert repr(event_from(cls, fields)) == repr(from_plain(cls)(fields))


@given(st.sampled_from(sorted(TCS)), JSON)
def test_what_fits_can_be_written_and_read_back(name: str, data: Any) -> None:
    try:
        event = event_from(TcsEvent, {**TCS, name: data})
    except DoesNotFit:
        return
    written = codec.writer(TcsEvent)(event)
    assert repr(codec.reader(schema_of(TcsEvent), TcsEvent)(written, 0)) == repr(event)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"source": 5}, "field source: 5 is not text that is Unicode"),
        ({"source": "\ud800"}, r"field source: '\ud800' is not text that is Unicode"),
        ({"more_data": 1}, "field more_data: 1 is not true or false"),
        ({"data_time": 1.5}, "field data_time: 1.5 is not a whole number of 64 bits"),
        ({"data_time": True}, "field data_time: True is not a whole number of 64 bits"),
        ({"data_time": 2**63}, f"field data_time: {2**63} is not a whole number of 64 bits"),
        ({"data_time": "soon"}, "field data_time: 'soon' is not an instant such as"),
        ({"values": [1]}, "field values: [1] is not an object (map of names to values)"),
        ({"values": {"x": {}}}, "field values.x: {} is not null or true or false or"),
        ({"values": {"x": 2**63}}, f"field values.x: {2**63} is not null or true or false or"),
        ({"values": {"\ud800": 1}}, r"field values: '\ud800' is not text that is Unicode"),
        ({"values": {"x": [[]]}}, "field values.x[0]: [] is not null or true or false or"),
        ({"sorce": "x"}, "field sorce: 'x' is not a field of TcsEvent (did you mean 'source'?)"),
        ({"zz": 1}, "field zz: 1 is not a field of TcsEvent (its fields: data_time, wire_time,"),
        ({"source": b"x" * 99}, f"field source: b'{'x' * 75}… is not text"),
    ],
)
def test_the_sentence_says_field_value_and_what_was_expected(
    fields: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(DoesNotFit) as caught:
        event_from(TcsEvent, TCS | fields)

    assert str(caught.value).startswith(sentence)


def test_a_missing_field_is_nothing() -> None:
    with pytest.raises(DoesNotFit, match=r"^field time: is missing; it is a whole number"):
        event_from(TimePassed, {})


def test_whole_numbers_are_taken_for_doubles_as_far_as_they_are_the_same() -> None:
    fields = {f["name"]: 1 for f in schema_of(ReplayFinished)["fields"] if f["type"] == "double"}
    others = {"time": 0, "replay": "r", "records": 0, "complete": True}

    assert isinstance(event_from(ReplayFinished, fields | others).duration, float)
    with pytest.raises(DoesNotFit, match="field duration: 9007199254740993 is not a number"):
        event_from(ReplayFinished, fields | others | {"duration": 2**53 + 1})


def test_foreign_schemas_have_types_that_ours_do_not() -> None:
    schema = json.loads(
        """{"type": "record", "name": "Alert", "namespace": "survey", "fields": [
            {"name": "band", "type": {"type": "enum", "name": "Band", "symbols": ["g", "r"]}},
            {"name": "stamp", "type": ["null", {"type": "fixed", "name": "Stamp", "size": 2}],
             "default": null},
            {"name": "previous", "type": ["null", "survey.Alert"], "default": null},
            {"name": "flux", "type": "float", "default": 0}
        ]}"""
    )
    alert = {"band": "g", "stamp": b"ab", "previous": {"band": "r"}}

    found = fit(schema, alert)

    assert found["previous"] == {"band": "r", "stamp": None, "previous": None, "flux": 0.0}
    for change, told in (
        ({"band": "z"}, "field band: 'z' is not one of g, r"),
        ({"stamp": b"abc"}, "field stamp: b'abc' is not 2 bytes"),
        ({"flux": 1e39}, "field flux: 1e[+]39 is not a number in the range of 32-bit floats"),
        ({"previous": {"band": 1}}, "field previous.band: 1 is not one of g, r"),
        ({"previous": 1}, "field previous: 1 is not an object with the fields of Alert"),
    ):
        with pytest.raises(DoesNotFit, match=told):
            fit(schema, alert | change)
