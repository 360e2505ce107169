"""When a message happened, from its first bytes."""

import io
from dataclasses import fields
from typing import Any, cast

import fastavro
import pytest
from confluent_kafka import Message as Kafka
from hypothesis import example, given
from hypothesis import strategies as st

from infra.log.errors import UnknownSchema
from infra.log.reading import Message
from infra.replay.event_time import EventTimes, NoVarint, first_long
from schemas import framing
from schemas.catalogue import events
from schemas.declare import time_field
from schemas.published_files import published
from schemas.record import Position

OURS, FOREIGN, UNKNOWN = 7, 8, 9
LONGS = st.integers(-(2**63), 2**63 - 1)
INSTANTS = st.one_of(st.integers(1_600_000_000_000_000, 1_900_000_000_000_000), LONGS)


def schema_of(number: int, position: Position) -> tuple[type | None, object]:
    """Answer as a registry of two schemas does."""
    if number == UNKNOWN:
        raise UnknownSchema(number, position)
    return (int if number == OURS else None), None


def value_of(time: int, schema: int = OURS, rest: bytes = b"\x80\x80 and more") -> bytes:
    """Return a framed value whose first field is `time`."""
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema({"type": "long"}), time)
    return framing.prefix(schema) + buffer.getvalue() + rest


def message(value: bytes | None, millis: int) -> Message:
    """Return a message of the log."""
    made: Any = Kafka(
        topic="observatory", partition=0, offset=3, value=value, timestamp=(1, millis)
    )
    return cast("Message", made)


@given(INSTANTS, st.binary(max_size=12))
@example(2**54 - 1, b"")  # the last instant whose varint has eight bytes, and its neighbours
@example(2**54, b"")
@example(2**48 - 1, b"\xff" * 8)
@example(0, b"")
def test_the_first_long_is_the_one_that_fastavro_wrote(time: int, rest: bytes) -> None:
    assert first_long(value_of(time, rest=rest)) == time


@pytest.mark.parametrize("cut", range(8))
def test_bytes_that_end_within_the_long_are_none(cut: int) -> None:
    with pytest.raises(NoVarint):
        first_long(value_of(1_700_000_000_000_000)[: framing.HEADER_SIZE + cut])


def test_a_varint_longer_than_a_long_is_none() -> None:
    with pytest.raises(NoVarint):
        first_long(framing.prefix(OURS) + b"\xff" * 11)


def test_every_event_ever_published_has_its_time_first() -> None:
    for name, versions in published().items():
        wanted = time_field(events()[name])
        assert fields(events()[name])[0].name == wanted
        for version in versions:
            assert version.schema["fields"][0]["name"] == wanted


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"\x01no frame",
        value_of(5, FOREIGN),
        value_of(5, UNKNOWN),
        framing.prefix(OURS) + b"\xff",
    ],
    ids=["none", "empty", "unframed", "foreign", "unknown schema", "cut short"],
)
def test_what_is_not_ours_has_the_kafka_timestamp(value: bytes | None) -> None:
    assert EventTimes(schema_of).of(message(value, 1234)) == 1_234_000


BOUNDS = st.one_of(st.none(), st.integers(-3_000, 12_000))


@given(BOUNDS, BOUNDS, st.integers(-4_000, 13_000))
def test_a_window_holds_exactly_what_happened_in_it(
    start: int | None, end: int | None, time: int
) -> None:
    inside = EventTimes(schema_of).within(start, end)
    wanted = (start is None or start <= time) and (end is None or time < end)
    assert inside(message(value_of(time), max(time // 1000, 1))) == wanted


@given(BOUNDS, BOUNDS, st.integers(1, 13))
def test_a_window_holds_foreign_records_by_their_millisecond(
    start: int | None, end: int | None, millis: int
) -> None:
    inside = EventTimes(schema_of).within(start, end)
    time = millis * 1000
    wanted = (start is None or start <= time) and (end is None or time < end)
    assert inside(message(value_of(0, FOREIGN), millis)) == wanted
