"""How a record is named and known by its content."""

from typing import Any, cast

import pytest
from confluent_kafka import Message as Kafka
from hypothesis import given
from hypothesis import strategies as st

from infra.log.reading import Message
from infra.quarantine.entries import Case, digest_of, parse_position
from infra.quarantine.errors import NotAPosition
from infra.quarantine.showing import hexadecimal
from projections.columns import MAX_SOURCE
from schemas.record import Position
from schemas.topics import TOPICS, UnknownTopic

PARTS = st.none() | st.binary(max_size=3)
CONTENTS = st.tuples(PARTS, PARTS, st.lists(st.tuples(st.text("ab", max_size=2), PARTS)))


def message(key: bytes | None, value: bytes | None, headers: Any) -> Message:
    made: Any = Kafka(topic="observatory", partition=0, offset=1, key=key, value=value)
    made.set_headers(headers)
    return cast("Message", made)


@given(st.sampled_from(TOPICS), st.integers(0, 10**9 - 1), st.integers(0, 10**18 - 1))
def test_a_position_is_read_as_it_is_written(topic: Any, partition: int, offset: int) -> None:
    position = Position(topic.name, partition, offset)
    assert parse_position(str(position)) == position


@pytest.mark.parametrize("text", ["", "observatory", "observatory@3", "observatory[0]3", "[0]@1"])
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(NotAPosition):
        parse_position(text)


def test_a_position_of_no_topic_is_refused() -> None:
    with pytest.raises(UnknownTopic, match="did you mean 'observatory'"):
        parse_position("obervatory[0]@1")


@given(CONTENTS, CONTENTS)
def test_two_contents_have_two_digests(one: Any, other: Any) -> None:
    assert (digest_of(message(*one)) == digest_of(message(*other))) == (one == other)


def test_a_source_fits_its_column() -> None:
    longest = max((topic.name for topic in TOPICS), key=len)
    assert len(Case("r" * 100, longest, 10**9, 10**18).source) <= MAX_SOURCE


@given(st.binary(max_size=70), st.integers(0, 70))
def test_the_digits_are_the_bytes(value: bytes, most: int) -> None:
    lines = [line for line in hexadecimal(value, most) if not line.startswith("…")]
    digits = "".join(line[10:57] for line in lines)
    assert bytes.fromhex(digits) == value[:most]
