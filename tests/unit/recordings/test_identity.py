"""Digests of content."""

import math
import struct
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given

from producers import Entry
from producers.identity import ContentDigest, canonical, content_digest, event_digest
from schemas.avro import reader, schema_of
from schemas.events.tcs import TcsEvent
from tests.unit.recordings.arbitrary import EVENTS, event, written

GIVEN = UUID("6f2f1e5a-3c57-5d0b-9c1e-3d1f6f3f0b11")
ONE = event(
    {"ra": 12.5, "dec": -1, "on": True, "none": None, "name": "é", "fit": [1, 2.0, math.nan]},
    original_text={"on": "TRUE"},
)


def digest(*entries: tuple[TcsEvent, UUID | None]) -> str:
    made = ContentDigest()
    for one, given_id in entries:
        made.add(canonical(one), given_id)
    return made.source()


def test_digests_are_for_ever() -> None:
    """Records were numbered under these names: another encoding needs another prefix."""
    assert event_digest(ONE).hex() == "00aae6a93f3555f62357939ccb863dce"
    assert digest((ONE, None), (ONE, GIVEN)) == "rec.9af16412bbbfb8fa406a69a68f4b2c50"


@given(EVENTS)
def test_the_canonical_bytes_are_the_event_in_avro(one: TcsEvent) -> None:
    decode = reader(schema_of(TcsEvent), TcsEvent)
    assert canonical(decode(canonical(one), 0)) == canonical(one)


@pytest.mark.parametrize(
    "other",
    [
        event({**ONE.values, "ra": 12.500000000000002}, original_text=ONE.original_text),
        event({**ONE.values, "dec": -1.0}, original_text=ONE.original_text),
        event({**ONE.values, "more": 0}, original_text=ONE.original_text),
        event({**ONE.values}, original_text={"on": "True"}),
        event({**ONE.values}, original_text=ONE.original_text, data_time=ONE.data_time + 1),
        event({**ONE.values}, original_text=ONE.original_text, wire_time=ONE.wire_time + 1),
        event({**ONE.values}, original_text=ONE.original_text, more_data=True),
        event({**ONE.values}, original_text=ONE.original_text, system="tcsr", source="oot"),
    ],
)
def test_other_content_has_another_digest(other: TcsEvent) -> None:
    assert event_digest(other) != event_digest(ONE)
    assert digest((other, None)) != digest((ONE, None))


def test_order_and_given_ids_are_content_of_a_recording() -> None:
    other = event({})
    found = {
        digest(),
        digest((ONE, None)),
        digest((ONE, GIVEN)),
        digest((ONE, None), (other, None)),
        digest((other, None), (ONE, None)),
    }
    assert len(found) == 5


def test_the_order_of_attributes_and_the_bits_of_nan_are_not() -> None:
    (odd_nan,) = struct.unpack("<d", struct.pack("<Q", 0xFFF8_0000_0000_0001))
    values = dict(reversed(list(ONE.values.items()))) | {"fit": (1, 2.0, odd_nan)}
    assert event_digest(event(values, original_text=ONE.original_text)) == event_digest(ONE)


def test_a_recording_is_named_by_its_entries(tmp_path: Path) -> None:
    recording = written(tmp_path / "night", "jsonl", [Entry(ONE, None, 0), Entry(ONE, GIVEN, 0)])
    assert content_digest(recording) == digest((ONE, None), (ONE, GIVEN))
