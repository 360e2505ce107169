"""What a replay carries in which services decide: known by schema ids, not by decoding."""

from typing import Any, cast

import pytest
from confluent_kafka import Message as Kafka

from infra.log.reading import Message
from infra.replay.kinds import Kinds
from infra.replay.reported import Reported
from schemas import framing
from schemas.catalogue import events
from schemas.declare import REPORTED
from schemas.record import Provenance, to_headers

CLASSES = dict(enumerate(events().values(), 1))
NUMBERS = {cls.__name__: number for number, cls in CLASSES.items()}
FOREIGN = 1 << 20


def kinds() -> Kinds:
    return Kinds(lambda number, _: (CLASSES.get(number), None))


def message(number: int, source: str = "tcs", value: bytes | None = b"no Avro") -> Message:
    told: Any = to_headers(Provenance(source, 1))
    framed = None if value is None else framing.prefix(number) + value
    made: Any = Kafka(topic="observatory", partition=0, offset=1, headers=told, value=framed)
    return cast("Message", made)


def carries(name: str, source: str = "tcs", *, settings: bool = True) -> bool:
    reported = Reported(kinds(), frozenset({"silence"}), settings=settings)
    carried = reported.carries(message(NUMBERS[name], source))
    assert reported.left_out == (not carried)
    return carried


@pytest.mark.parametrize("name", events())
def test_reported_events_are_carried_and_decided_ones_are_not(name: str) -> None:
    assert carries(name, "silence/observatory/0") == (events()[name].ORIGIN is REPORTED)


def test_take_overs_of_workers_tell_which_of_their_reports_count() -> None:
    assert carries("ServiceTookOver", "notices/observatory/0/epoch")
    assert not carries("ServiceTookOver", "silence/observatory/0/epoch")


def test_recorded_settings_are_left_out_where_others_are_in_force() -> None:
    assert not carries("SettingsTookEffect", "silence/observatory/0/settings", settings=False)
    assert carries("SettingsTookEffect", "other/observatory/0/settings", settings=False)


def test_what_is_not_ours_is_carried_as_it_is() -> None:
    reported = Reported(kinds(), frozenset(), settings=True)
    assert reported.carries(message(FOREIGN))
    assert reported.carries(message(1, value=None))
