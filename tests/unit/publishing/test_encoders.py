"""Input to records: of our events, and of foreign schemas."""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.publishing.checking import checked
from infra.publishing.errors import (
    EventNotNamed,
    MockedTick,
    NoKeyField,
    NotOfTopic,
    RecordRefused,
    SchemaNeeded,
    SchemaUnusable,
)
from infra.publishing.events import EventEncoder
from infra.publishing.packets import PacketEncoder, load
from infra.publishing.records import AvroItem, FramedItem, JsonItem, WordsItem
from schemas import avro
from schemas.avro import NotAvro, reader, schema_of
from schemas.events.tcs import TcsEvent
from schemas.fitting import DoesNotFit, event_from
from schemas.topics import ALERTS, OBSERVATORY, Topic

NOW = 1_700_000_000_123_456
TCS = {
    "data_time": 1_600_000_000_123_456,
    "wire_time": "2020-09-13T12:26:40.2Z",
    "system": "pas",
    "source": "Guider1",
    "key": "seeing",
    "more_data": False,
    "values": {"fwhm": 1.2, "n": 3, "ok": True, "note": None, "all": [1, 2.5, "x", None]},
    "original_text": {},
}
decode = reader(schema_of(TcsEvent), TcsEvent)

awkward = st.sampled_from([2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 10**400, "\ud800", {"a": 1}])
scalars = awkward | st.none() | st.booleans() | st.integers() | st.floats() | st.text()
broken = st.dictionaries(
    st.sampled_from([*TCS, "other"]),
    scalars | st.dictionaries(st.text(), scalars | st.lists(scalars, max_size=3), max_size=3),
    max_size=3,
)


def events(event: str | None = "TcsEvent", topic: Topic = OBSERVATORY) -> EventEncoder:
    return EventEncoder(topic, event, lambda: NOW)


def packets(schema: Any = None, key: str | None = None) -> PacketEncoder:
    return PacketEncoder(ALERTS, schema, key, lambda: NOW)


def test_bare_fields_and_an_envelope_are_the_same() -> None:
    bare = events().encode(JsonItem("in:1", TCS))
    envelope = {"event": "TcsEvent", "data": TCS, "id": "x", "partition": 3, "time": "yesterday"}
    assert events(None).encode(JsonItem("in:1", envelope)) == bare
    assert bare.key == "pas.Guider1.seeing"
    assert bare.timestamp == 1_600_000_000_123
    assert decode(bare.data, 0) == event_from(TcsEvent, TCS)
    assert decode(bare.data, 0).wire_time == 1_600_000_000_200_000


def outcome(make: Callable[[], Any]) -> str:
    """Return the event, or why there is none; as text, since NaN is not equal to itself."""
    try:
        return repr(make())
    except DoesNotFit as fault:
        return str(fault)


@given(broken)
def test_the_quick_way_takes_what_the_explaining_way_takes(changes: dict[str, Any]) -> None:
    data = {**TCS, **changes}
    assert outcome(lambda: decode(events().encode(JsonItem("in:1", data)).data, 0)) == outcome(
        lambda: event_from(TcsEvent, data)
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"more_data": 1}, "field more_data: 1 is not true or false"),
        ({"data_time": 1.5}, "field data_time: 1.5 is not a whole number of 64 bits"),
        ({"wire_time": "soon"}, "field wire_time: 'soon' is not an instant such as"),
        ({"values": {"a": {"b": 1}}}, "field values.a: {'b': 1} is not null or true or false"),
        (
            {"data_time": 1_763_604_001_149_474_000},
            "field data_time: 1763604001149474000 is not in the years 1 to 9999",
        ),
        ({"sytem": "x"}, "field sytem: 'x' is not a field of TcsEvent (did you mean 'system'?)"),
        ({"key": "\ud800"}, "field key: '\\ud800' is not text that is Unicode"),
    ],
)
def test_what_does_not_fit_is_told_by_place_field_value_and_type(
    change: dict[str, Any], sentence: str
) -> None:
    items = [JsonItem("night.jsonl:1", TCS), JsonItem("night.jsonl:2", {**TCS, **change})]
    with pytest.raises(RecordRefused) as refused:
        list(checked(items, events(), OBSERVATORY, "observatory"))
    assert str(refused.value).startswith(f"night.jsonl:2: {sentence}")
    assert isinstance(refused.value.fault, DoesNotFit)
    assert refused.value.exit_code == 65


@pytest.mark.parametrize("value", [1, "text", None, [], [TCS]])
def test_a_record_is_an_object(value: Any) -> None:
    with pytest.raises(DoesNotFit, match="an object with the fields of TcsEvent"):
        events().encode(JsonItem("in:1", value))


def test_an_event_must_be_known_and_of_the_topic() -> None:
    with pytest.raises(
        EventNotNamed, match=r"observatory takes TcsEvent.* or .*: say which with --event"
    ):
        events(None).encode(JsonItem("in:1", TCS))
    for name in ("ReplayStarted", "Nothing", 7):
        with pytest.raises(NotOfTopic, match=f"not {name!r}"):
            events().encode(JsonItem("in:1", {"event": name, "data": {}}))
    with pytest.raises(NotOfTopic, match="not 'tcsevent'"):
        events("tcsevent")
    one = Topic(name="ticks", about="", key="", events=("TimePassed",))
    assert events(None, one).encode(JsonItem("in:1", {"time": 5_000})).timestamp == 5


def test_typed_records_are_completed_and_files_are_not() -> None:
    words = ("system=pas", "source=a", "key=b", "more_data=false", "values.ra=1")
    found = decode(events().encode(WordsItem("arguments", words)).data, 0)
    assert found == TcsEvent(NOW, NOW, "pas", "a", "b", False, {"ra": 1}, {})
    short = {"system": "pas", "source": "a", "key": "b", "more_data": False, "values": {"ra": 1}}
    assert decode(events().encode(JsonItem("argument 1", short, typed=True)).data, 0) == found
    with pytest.raises(DoesNotFit, match="field data_time: is missing"):
        events().encode(JsonItem("in:1", short))


def test_a_container_of_our_events_has_times_that_a_calendar_has() -> None:
    data = avro.writer(TcsEvent)(TcsEvent(NOW, -(2**62), "pas", "a", "b", False, {}, {}))
    with pytest.raises(DoesNotFit, match=r"field wire_time: .* is not in the years 1 to 9999"):
        events(None).encode(AvroItem("a.avro, record 1", schema_of(TcsEvent), data, {}))


def test_a_container_of_our_events_is_for_their_topic() -> None:
    data = events().encode(JsonItem("in:1", TCS)).data
    item = AvroItem("a.avro, record 1", schema_of(TcsEvent), data, {})
    assert events(None).encode(item).data == data
    with pytest.raises(NotOfTopic, match=r"evctl\.TcsEvent, which is one of our events"):
        packets().encode(item)
    with pytest.raises(NotOfTopic, match=r"not sky\.alert"):
        events(None).encode(AvroItem("a.avro, record 1", SKY, b"", {}))


def test_a_record_larger_than_its_topic_takes_is_told_with_both_figures() -> None:
    big = {**TCS, "values": {"image": "x" * OBSERVATORY.max_bytes}}
    with pytest.raises(RecordRefused, match=r"in:1: The record has 4,194,\d+ bytes, and obs takes"):
        list(checked([JsonItem("in:1", big)], events(), OBSERVATORY, "obs"))


SKY = {
    "type": "record",
    "name": "alert",
    "namespace": "sky",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "stamp", "type": ["null", "bytes"], "default": None},
        {"name": "hash", "type": {"type": "fixed", "name": "md5", "size": 4}},
        {
            "name": "first",
            "type": [
                "null",
                {
                    "type": "record",
                    "name": "source",
                    "fields": [{"name": "flux", "type": "float"}, {"name": "raw", "type": "bytes"}],
                },
            ],
        },
        {"name": "others", "type": {"type": "array", "items": "source"}},
        {"name": "by_band", "type": {"type": "map", "values": ["string", "bytes", "source"]}},
    ],
}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def sky(**changes: Any) -> dict[str, Any]:
    source = {"flux": 0.5, "raw": b64(b"\0")}
    return {
        "id": "a",
        "stamp": b64(b"\xff\0"),
        "hash": b64(b"abcd"),
        "first": None,
        "others": [source, {**source, "flux": 2}],
        "by_band": {"r": "text", "g": source},
        **changes,
    }


@pytest.mark.parametrize("event", [None, "sky.alert"])
def test_json_becomes_a_foreign_record(event: str | None) -> None:
    value = sky() if event is None else {"event": event, "data": sky(), "offset": 3}
    record = packets(SKY, "id").encode(JsonItem("in:1", value))
    assert (record.kind, record.key, record.timestamp) == (0, "a", NOW // 1000)
    assert reader(SKY, None)(record.data, 0) == {
        "id": "a",
        "stamp": b"\xff\0",
        "hash": b"abcd",
        "first": None,
        "others": [{"flux": 0.5, "raw": b"\0"}, {"flux": 2.0, "raw": b"\0"}],
        "by_band": {"r": "text", "g": {"flux": 0.5, "raw": b"\0"}},
    }


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (sky(stamp="?"), "field stamp: '?' is not bytes"),
        (sky(hash=b64(b"abc")), "field hash: b'abc' is not 4 bytes"),
        (sky(others=[{"flux": "1", "raw": ""}]), "field others[0].flux: '1' is not a number"),
        (sky(ra=1), "field ra: 1 is not a field of sky.alert"),
        ({"event": "sky.other", "data": {}}, "field event: 'sky.other' is not sky.alert"),
    ],
)
def test_foreign_json_that_does_not_fit(value: Any, sentence: str) -> None:
    with pytest.raises(DoesNotFit) as fault:
        packets(SKY).encode(JsonItem("in:1", value))
    assert str(fault.value).startswith(sentence)


def test_a_frame_needs_its_schema_and_all_its_bytes() -> None:
    data = packets(SKY).encode(JsonItem("in:1", sky())).data
    with pytest.raises(SchemaNeeded, match=r"schema 900 of a registry .* give its schema with"):
        packets().encode(FramedItem("a", 900, data))
    assert packets(SKY).encode(FramedItem("a", 900, data)).data == data
    for wrong in (data[:-1], data + b"\0"):
        with pytest.raises(NotAvro):
            packets(SKY).encode(FramedItem("a", 900, wrong))


@pytest.mark.parametrize("item", [JsonItem("in:1", sky()), WordsItem("arguments", ("id=a",))])
def test_json_needs_a_schema(item: JsonItem | WordsItem) -> None:
    with pytest.raises(SchemaNeeded, match="--schema"):
        packets().encode(item)


@pytest.mark.parametrize(("field", "key"), [("id", "a"), ("first.flux", None), ("hash", None)])
def test_the_key_is_a_field(field: str, key: str | None) -> None:
    encoder = packets(SKY, field)
    if key is not None:
        assert encoder.encode(JsonItem("in:1", sky())).key == key
        return
    with pytest.raises(DoesNotFit, match=rf"field {field}: .* is not text or a whole number"):
        encoder.encode(JsonItem("in:1", sky()))


@pytest.mark.parametrize("field", ["none", "id.none"])
def test_a_key_that_is_no_field_is_told_as_that(field: str) -> None:
    with pytest.raises(NoKeyField, match=rf"the record has no field {field} to be the key"):
        packets(SKY, field).encode(JsonItem("in:1", sky()))


def test_containers_of_one_schema_are_of_one_kind() -> None:
    encoder = packets(SKY)
    data = encoder.encode(JsonItem("in:1", sky())).data
    fields = reader(SKY, None)(data, 0)
    copies = [json.loads(json.dumps(SKY)), json.loads(json.dumps(SKY)), {**SKY, "name": "other"}]
    kinds = [encoder.encode(AvroItem("x", copy, data, fields)).kind for copy in copies]
    assert kinds == [0, 0, 1]
    assert [avro.full_name(kind) for kind in encoder.kinds] == ["sky.alert", "sky.other"]


def test_a_schema_is_read_with_the_files_beside_it(tmp_path: Path) -> None:
    inner = {"type": "record", "name": "sky.source", "fields": [{"name": "flux", "type": "double"}]}
    outer = {"type": "record", "name": "sky.alert", "fields": [{"name": "s", "type": "sky.source"}]}
    (tmp_path / "sky.source.avsc").write_text(json.dumps(inner), encoding="utf-8")
    (tmp_path / "sky.alert.avsc").write_text(json.dumps(outer), encoding="utf-8")
    schema = load(tmp_path / "sky.alert.avsc")
    record = packets(schema).encode(JsonItem("in:1", {"s": {"flux": 1}}))
    plain = fastavro.parse_schema(json.loads(json.dumps(schema)))
    assert fastavro.schemaless_reader(io.BytesIO(record.data), plain, None) == {"s": {"flux": 1.0}}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "7",
        '"string"',
        '{"type": "record"}',
        '{"type": "map", "values": "long"}',
        '{"type": "record", "name": "a", "fields": [{"name": "x", "type": "nowhere.b"}]}',
    ],
)
def test_a_file_that_is_no_schema(text: str, tmp_path: Path) -> None:
    file = tmp_path / "a.avsc"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SchemaUnusable, match=r"a\.avsc can't be used"):
        load(file)
    with pytest.raises(SchemaUnusable, match="No such file"):
        load(tmp_path / "none.avsc")


def test_a_mocked_tick_goes_only_where_time_is_mocked() -> None:
    tick = WordsItem("arguments", ("mocked=2017-11-18T18:00",))
    true = WordsItem("arguments", ("time=2017-11-18T18:00", "mocked=null"))

    with pytest.raises(
        MockedTick, match=r"field mocked: 2017-11-18T18:00:00.* \(--namespace mock.ID"
    ):
        events("TimePassed").encode(tick)
    assert events("TimePassed").encode(true).timestamp == 1_511_028_000_000
    there = EventEncoder(OBSERVATORY, "TimePassed", lambda: NOW, mocked=True)
    assert there.encode(tick).timestamp == NOW // 1000
