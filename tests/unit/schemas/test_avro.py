"""From events to bytes and back."""

import io
import json
from typing import Any

import avro.io
import avro.schema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import avro as codec
from schemas.avro import NotAvro, fingerprint_of, full_name, physical, schema_id, schema_of
from schemas.catalogue import events
from schemas.declare import REPORTED, event
from schemas.events.tcs import TcsEvent
from schemas.events.ticks import TimePassed
from schemas.plain import from_plain
from tests.unit.schemas.arbitrary import any_event

TICK = TimePassed(1_700_000_000_000_000)
TCS = TcsEvent(
    data_time=1_510_000_000_000_000,
    wire_time=1_510_000_000_000_250,
    system="tcs",
    source="tracker",
    key="position",
    more_data=False,
    values={"x": 1.5, "on": True, "n": -3, "name": "rho", "none": None, "xs": [1, "a"]},
    original_text={"x": "1.50"},
)


@given(any_event())
def test_an_event_is_read_back_as_it_was_written(event: Any) -> None:
    cls: type = type(event)
    data = codec.writer(cls)(event)

    found = codec.reader(schema_of(cls), cls)(data, 0)

    assert repr(found) == repr(event)  # unlike ==, it tells 1, 1.0 and True apart, and NaN is NaN


@given(any_event(), st.binary(max_size=9))
def test_reading_begins_where_it_is_told(event: Any, before: bytes) -> None:
    cls: type = type(event)
    data = before + codec.writer(cls)(event)

    assert repr(codec.reader(schema_of(cls), cls)(data, len(before))) == repr(event)


@given(any_event(), st.data())
def test_cut_bytes_are_an_error_and_never_another_event(event: Any, data: st.DataObject) -> None:
    cls: type = type(event)
    whole = codec.writer(cls)(event)
    cut = data.draw(st.integers(0, len(whole) - 1))

    with pytest.raises(NotAvro):
        codec.reader(schema_of(cls), cls)(whole[:cut], 0)


@given(st.binary())
def test_foreign_bytes_are_refused_or_the_bytes_of_an_event(data: bytes) -> None:
    try:
        found = codec.reader(schema_of(TcsEvent), TcsEvent)(data, 0)
    except NotAvro:
        return
    assert isinstance(found, TcsEvent)


def test_bytes_left_over_are_counted() -> None:
    data = codec.writer(TimePassed)(TICK) + b"more"

    with pytest.raises(NotAvro, match="4 bytes are left over"):
        codec.reader(schema_of(TimePassed), TimePassed)(data, 0)


def test_without_a_class_the_fields_are_a_dict() -> None:
    found = codec.reader(schema_of(TimePassed), None)(codec.writer(TimePassed)(TICK), 0)

    assert found == {"time": TICK.time, "mocked": None, "mock_time": None}


def test_an_event_of_an_older_version_gets_the_defaults_of_newer_fields() -> None:
    @event(REPORTED)
    class Seen:
        time: int
        note: str | None

    older = {**schema_of(Seen), "fields": schema_of(Seen)["fields"][:1]}
    data = codec.schema_writer(older)({"time": TICK.time})

    assert codec.reader(older, Seen)(data, 0) == Seen(TICK.time, None)


def test_the_bytes_of_an_event_do_not_change() -> None:
    assert codec.writer(TimePassed)(TICK).hex() == "8080f281838985060000"
    assert codec.writer(TcsEvent)(TCS).hex() == (
        "8080e3d9c8d5ae05f483e3d9c8d5ae05067463730e747261636b657210706f736974696f6e000c"
        "027806000000000000f83f046f6e0201026e0405086e616d65080672686f086e6f6e650004"
        "78730a040402080261000002027808312e353000"
    )


@given(any_event())
def test_another_avro_library_reads_the_bytes(event: Any) -> None:
    cls: type = type(event)
    theirs = avro.schema.parse(json.dumps(physical(schema_of(cls))))
    decoder = avro.io.BinaryDecoder(io.BytesIO(codec.writer(cls)(event)))

    found: Any = avro.io.DatumReader(theirs).read(decoder)

    assert repr(from_plain(cls)(found)) == repr(event)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("RecordingImported", 897236745),
        ("ReplayFinished", 479293101),
        ("ReplayStarted", 61968777),
        ("TcsEvent", 713362445),
        ("TimePassed", 1415696416),
    ],
)
def test_the_ids_of_published_schemas_do_not_change(name: str, number: int) -> None:
    cls: type = events()[name]

    assert schema_id(schema_of(cls)) == number


@pytest.mark.parametrize("cls", events().values(), ids=lambda cls: cls.__name__)
def test_a_fingerprint_is_what_another_avro_library_computes(cls: type) -> None:
    theirs = avro.schema.parse(json.dumps(physical(schema_of(cls)))).fingerprint("CRC-64-AVRO")

    assert fingerprint_of(schema_of(cls)).to_bytes(8, "little") == theirs


def test_the_fingerprint_of_null_is_the_one_avro_states() -> None:
    assert fingerprint_of("null") == 0x63DD24E7CC258F8A


def test_the_name_of_a_schema() -> None:
    assert full_name(schema_of(TcsEvent)) == "evctl.TcsEvent"
    assert full_name({"type": "record", "name": "lsst.alert", "namespace": "no"}) == "lsst.alert"
    assert full_name({"type": "long"}) == "long"
    assert full_name(["null", "long"]) == "union"


def test_a_type_without_a_counterpart_is_refused_by_name() -> None:
    @event(REPORTED)
    class Odd:
        time: int
        oddity: complex

    with pytest.raises(TypeError, match="complex"):
        schema_of(Odd)
