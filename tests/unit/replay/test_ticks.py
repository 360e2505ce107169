"""Ticks between the messages of a window that has none."""

from collections.abc import Sequence
from typing import Any, cast

from confluent_kafka import Message as Kafka
from hypothesis import given
from hypothesis import strategies as st

from infra.log.reading import Message
from infra.replay.event_time import first_long
from infra.replay.saying import Saying
from infra.replay.ticks import Clockwork
from schemas import avro, framing
from schemas.events.ticks import TimePassed
from schemas.record import from_headers
from schemas.utc import MICROS

PLACE = ("observatory", 0)
ENCODE = avro.writer(TimePassed, framing.prefix(1))


def message(number: int) -> Message:
    made: Any = Kafka(topic="observatory", partition=0, offset=number, value=b"")
    return cast("Message", made)


@given(st.lists(st.integers(0, 40 * MICROS), max_size=8))
def test_each_full_second_between_the_messages_has_one_tick(times: Sequence[int]) -> None:
    given_ = [(time, message(number)) for number, time in enumerate(sorted(times))]
    woven = list(Clockwork(PLACE, ENCODE).woven(iter(given_)))

    assert [time for time, _ in woven] == sorted(time for time, _ in woven)
    assert [one for one in woven if not isinstance(one[1], Saying)] == given_
    ticks = [(time, one) for time, one in woven if isinstance(one, Saying)]
    first, last = (min(times), max(times)) if times else (0, 0)
    assert [time for time, _ in ticks] == [
        second * MICROS for second in range(first // MICROS + 1, last // MICROS + 1)
    ]


def test_in_a_gap_of_a_year_it_ticks_for_a_day_and_when_something_happens() -> None:
    year = 365 * 86_400
    given_ = [(0, message(0)), (year * MICROS, message(1)), ((year + 2) * MICROS, message(2))]
    ticks = [
        time // MICROS
        for time, one in Clockwork(PLACE, ENCODE).woven(iter(given_))
        if isinstance(one, Saying)
    ]
    assert ticks == [*range(1, 86_401), year, year + 1, year + 2]


def test_a_tick_is_the_one_that_the_clock_would_have_appended() -> None:
    (_, _), (time, tick), _ = Clockwork(PLACE, ENCODE).woven(
        iter([(500_000, message(0)), (1_200_000, message(1))])
    )
    said = from_headers(tick.headers(), cast("Any", (*PLACE, 0)))

    assert (time, first_long(tick.value() or b"")) == (MICROS, MICROS)
    assert (said.source, said.seq) == ("clock", 1)
    assert (tick.topic(), tick.partition(), tick.timestamp()) == ("observatory", 0, (1, 1000))
