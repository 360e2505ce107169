"""When records that follow each other closely are a crowd."""

from hypothesis import given
from hypothesis import strategies as st

from infra.replay.crowding import Crowding


def judged(*rates: float) -> list[bool]:
    """Return whether there is a crowd after each second of so many records."""
    crowding, records, found = Crowding(), 0.0, []
    crowding.judge(0, 100.0)
    for second, rate in enumerate(rates, start=1):
        records += rate
        crowding.judge(round(records), 100.0 + second)
        found.append(crowding.crowded)
    return found


def test_a_crowd_is_one_until_it_is_much_less() -> None:
    rates = (1_000, 24_000, 26_000, 26_000, 11_000, 9_000, 20_000, 50_000, 50_000)
    assert judged(*rates) == [False, False, False, True, True, False, False, False, True]


def test_what_it_needs_is_made_ready_before() -> None:
    crowding, told = Crowding(), []
    crowding.judge(0, 100.0)
    for second, records in enumerate((30_000, 60_000, 61_000), start=1):
        crowding.judge(records, 100.0 + second)
        told.append((crowding.nears, crowding.crowded))
    assert told == [(True, False), (True, True), (False, False)]


@given(st.lists(st.integers(0, 25_000)))
def test_what_is_sent_each_by_itself_stays_so_below_the_bound(rates: list[int]) -> None:
    assert not any(judged(*rates))


@given(st.integers(0, 10**6), st.floats(0.001, 0.999))
def test_a_short_burst_is_none(records: int, after: float) -> None:
    crowding = Crowding()
    for now in (100.0, 100.0 + after, 101.0, 102.0):
        crowding.judge(0 if now == 100.0 else records, now)
        assert not crowding.crowded


def test_a_pause_does_not_count() -> None:
    crowding = Crowding()
    crowding.begin(0, 100.0)
    for second in (1, 2):
        crowding.judge(50_000 * second, 100.0 + second)
    crowding.begin(100_000, 900.0)
    crowding.judge(150_000, 901.0)
    assert crowding.crowded
