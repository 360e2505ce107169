"""What a record is in a replay: the same bytes, the same id, one header more."""

from typing import Any, cast
from uuid import UUID

import pytest
from confluent_kafka import Message as Kafka

from infra.log.reading import Message
from infra.replay.carrying import marked
from schemas.record import Position, Provenance, from_headers, to_headers

HERE = Position("het.alerts", 2, 41)
THERE = Position("het.replay.night.alerts", 2, 7)


def message(headers: list[tuple[str, bytes]] | None) -> Message:
    told: Any = headers  # its stub wants a list of str | bytes | None, which lists are not
    made: Any = Kafka(topic=HERE.topic, partition=2, offset=41, headers=told, value=b"v")
    return cast("Message", made)


@pytest.mark.parametrize(
    "told",
    [
        Provenance("tcs", 3),
        Provenance("import:00", 3, given_id=UUID(int=5)),
        Provenance("scheduler/observatory/0", 3 << 16, cause=UUID(int=6), epoch=4),
        Provenance("tcs", 3, replay="an-earlier-one"),
    ],
)
def test_a_record_keeps_who_said_it_and_names_this_replay(told: Provenance) -> None:
    headers = marked(message(to_headers(told)), ("replay", b"night"))
    assert from_headers(headers, THERE) == told._replace(replay="night")
    assert [name for name, _ in headers].count("replay") == 1


def test_headers_that_are_not_ours_are_carried_too() -> None:
    foreign = [("trace", b"\x00\xff"), ("trace", b"again"), ("src", b"tcs:1")]
    assert marked(message(foreign), ("replay", b"night")) == [*foreign, ("replay", b"night")]


@pytest.mark.parametrize("headers", [None, [], [("trace", b"1")], [("replay", b"an-earlier-one")]])
def test_a_record_of_a_foreign_client_keeps_the_id_it_had(
    headers: list[tuple[str, bytes]] | None,
) -> None:
    carried = from_headers(marked(message(headers), ("replay", b"night")), THERE)
    assert carried.id_bytes == from_headers(headers, HERE).id_bytes
    assert (carried.source, carried.seq) == ("het.alerts/2", 41)
