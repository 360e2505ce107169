"""What every store of observation numbers has to do, on both databases."""

from contextlib import closing
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumers import Refused
from consumers.observation_numbers import Taken
from infra.database import Database, connect
from infra.observation_numbers import NumberStore, errors
from tests.contract.numbers.taking import DAY, NEXT_DAY, insert, rows, ticket


def test_the_next_number_of_a_date_is_one_above_the_highest_of_all_instruments(
    numbers: NumberStore, database: Database
) -> None:
    assert numbers.take(ticket(1), DAY, "") == Taken(DAY, 1, "virus", True, 1)
    assert numbers.take(ticket(2), DAY, "lrs2").obsnum == 2
    insert(database, DAY, "hpf", 10)
    assert numbers.take(ticket(3), DAY, "virus") == Taken(DAY, 11, "virus", True, 4)
    assert numbers.take(ticket(4), NEXT_DAY, "virus").obsnum == 1
    assert rows(database) == [
        (1, DAY, "virus", 1),
        (2, DAY, "lrs2", 2),
        (3, DAY, "hpf", 10),
        (4, DAY, "virus", 11),
        (5, NEXT_DAY, "virus", 1),
    ]


def test_a_request_gets_one_number_however_often_it_is_tried(
    numbers: NumberStore, database: Database
) -> None:
    assert numbers.find(ticket(1)) is None
    first = numbers.take(ticket(1), DAY, "")
    numbers.take(ticket(2), DAY, "")
    other = NumberStore(database, "observation_numbers", "virus")  # as after a crash
    assert other.find(ticket(1, epoch=2)) == other.take(ticket(1, epoch=2), NEXT_DAY, "x") == first
    assert [row[3] for row in rows(database)] == [1, 2]


def test_who_was_replaced_is_refused(numbers: NumberStore, database: Database) -> None:
    numbers.take(ticket(1), DAY, "")
    assert numbers.find(ticket(2, epoch=5)) is None
    for act in (numbers.find, lambda old: numbers.take(old, DAY, "")):
        with pytest.raises(Refused, match=r"^epoch 4 was replaced by 5$"):
            act(ticket(2, epoch=4))
    elsewhere = NumberStore(database, "mock.dark.observation_numbers", "virus")
    assert elsewhere.take(ticket(3), DAY, "").obsnum == 2
    assert len(rows(database)) == 2


def test_without_update_obsnum_it_is_computed_and_nothing_is_written(
    numbers: NumberStore, database: Database
) -> None:
    numbers.take(ticket(1), DAY, "")
    reader = NumberStore(database, "observation_numbers", "virus", record=False)
    for request in (2, 3):
        assert reader.take(ticket(request, epoch=9), DAY, "") == Taken(DAY, 2, "virus", False, None)
        assert reader.find(ticket(request)) is None
    assert numbers.take(ticket(4), DAY, "").obsnum == 2


def test_an_instrument_that_is_too_long_and_a_date_without_numbers(
    numbers: NumberStore, database: Database
) -> None:
    with pytest.raises(errors.InstTooLong, match=r"'virus2' has 6 characters.* holds 5"):
        numbers.take(ticket(1), DAY, "virus2")
    numbers.take(ticket(2), DAY, "")
    insert(database, DAY, "virus", 8_388_606)
    assert numbers.take(ticket(3), DAY, "").obsnum == 8_388_607
    with pytest.raises(errors.ObsnumExhausted, match="its highest is 8,388,607"):
        numbers.take(ticket(4), DAY, "")
    assert numbers.take(ticket(4), NEXT_DAY, "") == Taken(NEXT_DAY, 1, "virus", True, 4)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), max_size=20))
def test_dates_are_numbered_from_one_on_and_requests_once(asked: list[tuple[int, int]]) -> None:
    """A request names its date; the same request may come again."""
    with TemporaryDirectory() as folder, closing(connect(f"sqlite:///{folder}/x.sqlite")) as there:
        numbers = NumberStore(there, "observation_numbers", "virus")
        expected: dict[int, tuple[str, int]] = {}
        for request, day in asked:
            taken = numbers.take(ticket(request), f"2017-11-2{day}", "")
            before = sum(obsdate == taken.obsdate for obsdate, _ in expected.values())
            expected.setdefault(request, (f"2017-11-2{day}", before + 1))
            assert taken[:2] == expected[request]
        ids = [row[0] for row in rows(there)] if asked else []
        assert ids == list(range(1, len(expected) + 1))
