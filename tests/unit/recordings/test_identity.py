"""Digests of content."""

import math
import struct

import pytest
from hypothesis import given

from producers.identity import DIGEST_BYTES, event_digest
from schemas.avro import reader, schema_of, writer
from schemas.events.tcs import TcsEvent
from tests.unit.recordings.arbitrary import EVENTS, event

ONE = event(
    {"ra": 12.5, "dec": -1, "zero": 0.0, "on": True, "name": "é", "fit": [1, 2.0, math.nan]},
    original_text={"on": "TRUE"},
)


def changed(**changes: object) -> TcsEvent:
    values = {**ONE.values, **changes}
    return event(values, original_text=ONE.original_text)


def test_a_digest_has_its_size() -> None:
    assert len(event_digest(ONE)) == DIGEST_BYTES


@given(EVENTS)
def test_the_log_changes_no_digest(one: TcsEvent) -> None:
    encode, decode = writer(TcsEvent), reader(schema_of(TcsEvent), TcsEvent)
    assert event_digest(decode(encode(one), 0)) == event_digest(one)


@pytest.mark.parametrize(
    "other",
    [
        changed(ra=12.500000000000002),
        changed(dec=-1.0),
        changed(zero=-0.0),
        changed(on=1),
        changed(name="e\u0301"),
        changed(fit=[1, 2, math.nan]),
        changed(fit="[1, 2.0, nan]"),
        changed(more=None),
        event({**ONE.values}, original_text={"on": "True"}),
        event({**ONE.values}, original_text=ONE.original_text, data_time=ONE.data_time + 1),
        event({**ONE.values}, original_text=ONE.original_text, wire_time=ONE.wire_time + 1),
        event({**ONE.values}, original_text=ONE.original_text, more_data=True),
        event({**ONE.values}, original_text=ONE.original_text, system="tcsr", source="oot"),
    ],
)
def test_other_content_has_another_digest(other: TcsEvent) -> None:
    assert event_digest(other) != event_digest(ONE)


def test_the_order_of_names_and_the_bits_of_nan_are_no_content() -> None:
    (odd_nan,) = struct.unpack("<d", struct.pack("<Q", 0xFFF8_0000_0000_0001))
    values = {**dict(reversed(list(ONE.values.items()))), "fit": [1, 2.0, odd_nan]}
    assert event_digest(event(values, original_text=ONE.original_text)) == event_digest(ONE)
