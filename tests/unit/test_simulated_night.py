"""The night that is made from a seed."""

from itertools import pairwise

import pytest

from producers.simulated_night import START, simulated_night
from schemas.avro import reader, schema_of, writer
from schemas.events.tcs import TcsEvent
from schemas.utc import MICROS


def canonical(seed: int) -> list[str]:
    return [repr(event) for event in simulated_night(seed, duration=3600)]


def test_a_seed_makes_one_night() -> None:
    assert canonical(1) == canonical(1)
    assert canonical(1) != canonical(2)


def test_a_default_night_is_as_long_and_as_full_as_said() -> None:
    events = list(simulated_night(7))
    assert len(events) == pytest.approx(20_000, abs=10)
    assert events[0].data_time >= START
    assert events[-1].data_time < START + 36_000 * MICROS
    assert all(one.wire_time <= other.wire_time for one, other in pairwise(events))
    assert all(0 < event.wire_time - event.data_time < 10_000 for event in events)


def test_a_night_can_be_put_anywhere_and_made_as_dense_as_wanted() -> None:
    events = list(simulated_night(7, start=0, duration=10.0, rate=1000.0))
    assert len(events) == pytest.approx(10_000, abs=10)
    assert 0 <= events[0].data_time < events[-1].data_time < 10 * MICROS


def test_every_kind_of_value_occurs_and_fits_the_schema() -> None:
    events = list(simulated_night(7))
    kinds = {type(value) for event in events for value in event.values.values()}
    assert kinds == {bool, int, float, str, list, type(None)}
    assert {event.topic for event in events} == {
        "tcs.receiver.heartbeat",
        "tcs.root.ra_dec",
        "pas.Guider1.metrology_data",
        "pas.Guider2.metrology_data",
        "legacy.weather.conditions",
    }
    encode, decode = writer(TcsEvent), reader(schema_of(TcsEvent), TcsEvent)
    assert all(repr(decode(encode(event), 0)) == repr(event) for event in events[:500])
