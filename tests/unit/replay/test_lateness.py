"""Percentiles of delays, in little memory."""

from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from infra.replay.lateness import Lateness

DELAYS = st.lists(st.integers(0, 5_000_000), min_size=1, max_size=200)


def of(delays: list[int]) -> Lateness:
    found = Lateness()
    for delay in delays:
        found.add(delay)
    return found


@given(DELAYS, st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
def test_a_percentile_is_right_to_a_thirtieth_and_never_too_low(
    delays: list[int], share: float
) -> None:
    exact = sorted(delays)[ceil(share * len(delays)) - 1]
    assert exact <= of(delays).percentile(share) <= exact * (1 + 1 / 32)


@given(DELAYS)
def test_the_greatest_is_exact(delays: list[int]) -> None:
    assert of(delays).most == of(delays).percentile(1.0) == max(delays)


def test_early_is_not_late() -> None:
    assert of([-3, -1]).percentile(1.0) == 0


def test_nothing_sent_is_not_late() -> None:
    assert of([]).percentile(0.99) == 0


def test_a_long_run_takes_little_memory() -> None:
    found = of([step * 37 for step in range(100_000)])
    assert len(found._counts) < 700


@given(DELAYS, DELAYS)
def test_two_counts_together_are_one(one: list[int], other: list[int]) -> None:
    both = Lateness.of([of(one), of(other)])
    assert both._counts == of([*one, *other])._counts
    assert both.most == max(*one, *other)
