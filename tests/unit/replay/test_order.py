"""The one order: merge time, topic, partition, offset."""

from collections.abc import Iterator
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from infra.replay.order import in_order

Place = tuple[str, int]
PLACES = st.tuples(st.sampled_from(["alerts", "data.frames", "observatory"]), st.integers(0, 3))
TIMES = st.lists(st.integers(-5, 20), max_size=12)  # ties, and times that go back
LOGS = st.dictionaries(PLACES, TIMES, max_size=5)


def played(log: dict[Place, list[int]]) -> list[tuple[int, tuple[Place, int]]]:
    """Return what comes out, each item named by its place and its number there."""
    items = {
        place: [(time, (place, number)) for number, time in enumerate(times)]
        for place, times in log.items()
    }
    return list(in_order(items))


@given(LOGS)
def test_a_partition_keeps_its_own_order_and_loses_nothing(log: dict[Place, list[int]]) -> None:
    for place, times in log.items():
        numbers = [number for _, (at, number) in played(log) if at == place]
        assert numbers == list(range(len(times)))


@given(LOGS)
def test_it_is_the_sort_by_merge_time_topic_partition_and_offset(
    log: dict[Place, list[int]],
) -> None:
    ranks = [
        (latest, place, number)
        for place, times in log.items()
        for number, latest in enumerate(accumulate(times, max))
    ]
    assert [(time, *item) for time, item in played(log)] == sorted(ranks)


@given(LOGS)
def test_it_does_not_depend_on_the_order_in_which_partitions_are_named(
    log: dict[Place, list[int]],
) -> None:
    assert played(dict(reversed(log.items()))) == played(log)


def test_a_record_logged_late_stays_behind_the_one_before_it() -> None:
    merged = in_order({("a", 0): [(5, "x"), (3, "late")], ("b", 0): [(4, "y")]})
    assert list(merged) == [(4, "y"), (5, "x"), (5, "late")]


def test_a_partition_is_read_only_when_its_turn_has_come() -> None:
    read = []

    def items(name: str, times: list[int]) -> Iterator[tuple[int, str]]:
        for time in times:
            read.append((name, time))
            yield time, name

    merged = in_order({("a", 0): items("a", [1, 2, 9]), ("b", 0): items("b", [5, 6])})
    next(merged)
    next(merged)
    assert read == [("a", 1), ("b", 5), ("a", 2)]
