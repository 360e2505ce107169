"""The clock of a worker in a replay goes by what it reads, and never by a record twice."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from infra.clock import utc_micros
from infra.serving.clocks import ReplayClock, TrueClock
from schemas.events.notices import NoticeRequested
from schemas.events.tcs import TcsEvent
from schemas.events.ticks import TimePassed
from schemas.record import AnyRecord, Position, Provenance, Record

NIGHT = 1_551_942_000_000_000


def heard(event: object, time: int, offset: int) -> AnyRecord:
    """Return a record as it is heard."""
    return Record(event, Provenance("x", offset), None, time, Position("t", 0, offset))


def tick(time: int, offset: int, mocked: int | None = None) -> AnyRecord:
    """Return a tick."""
    return heard(TimePassed(time, mocked), time, offset)


def tcs(time: int, offset: int) -> AnyRecord:
    """Return an event of TCS."""
    return heard(TcsEvent(time, time, "tcs", "a", "b", False, {}, {}), time, offset)


def test_it_goes_by_ticks_and_by_what_is_reported_between_them() -> None:
    clock = ReplayClock()
    assert clock.now() == 0
    for record, now in [
        (tcs(NIGHT, 0), NIGHT),
        (tcs(NIGHT - 9, 1), NIGHT),
        (tick(NIGHT + 5, 2, mocked=77), NIGHT + 5),  # requests have true times
        (tcs(NIGHT + 7, 3), NIGHT + 7),
        (heard(NoticeRequested(NIGHT + 99, "", "", 0), NIGHT + 99, 4), NIGHT + 7),  # decided
        (tick(NIGHT + 6, 5), NIGHT + 6),  # a time that was wrong does not stay
    ]:
        clock.hear(record)
        assert clock.now() == now


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=20), st.integers(0, 20))
def test_what_was_heard_in_an_act_does_not_count_again(
    said: list[tuple[bool, int]], first: int
) -> None:
    records = [(tick if is_tick else tcs)(NIGHT + at, n) for n, (is_tick, at) in enumerate(said)]
    once, twice = ReplayClock(), ReplayClock()
    for record in records:
        once.hear(record)
    for record in [*records, *records[first:]]:
        twice.hear(record)
    assert once.now() == twice.now()


def test_the_true_clock_needs_no_record() -> None:
    clock = TrueClock()
    clock.hear(tick(0, 0))
    times = [utc_micros(), clock.now(), utc_micros()]
    assert all(a <= b for a, b in pairwise(times))
    assert not clock.of_replay
