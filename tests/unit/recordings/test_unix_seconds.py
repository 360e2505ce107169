"""Instants as text of Unix seconds."""

import pytest
from hypothesis import given

from producers import unix_seconds
from producers.errors import Unfit
from tests.unit.recordings.arbitrary import INSTANTS


@given(INSTANTS)
def test_every_instant_comes_back_from_its_text(micros: int) -> None:
    assert unix_seconds.parse("time", unix_seconds.render(micros)) == (micros, None)


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1526374800", 1526374800_000000),
        ("1526374800.5", 1526374800_500000),
        ("1526374800.1234569", 1526374800_123456),
        ("-0.0000005", -1),
        ("-1.5", -1_500000),
        ("-0.000000", 0),
        ("01526374800.123456", 1526374800_123456),
        ("1.526374800123456e9", 1526374800_123456),
        ("2018-05-15T09:00:00Z", 1526374800_000000),
        ("2018-05-15 03:00:00-06:00", 1526374800_000000),
    ],
)
def test_another_spelling_is_kept_and_read_exactly(text: str, micros: int) -> None:
    assert unix_seconds.parse("time", text) == (micros, text)


@pytest.mark.parametrize(("number", "micros"), [(12, 12_000000), (1526374800.5, 1526374800500000)])
def test_a_number_counts_as_its_shortest_text(number: float, micros: int) -> None:
    assert unix_seconds.parse("time", number) == (micros, repr(number))


@pytest.mark.parametrize(
    "found",
    [
        *("", "now", "nan", "inf", "1_000.5", "1e99", "1e999999999", "9223372036854.775808"),
        *(1763604001149, "1763604001149", "-62135596800.000001", "253402300800"),
        *("9" * 5000, "٥", "2018-13-45T00:00:00", None, True, float("nan"), b"1.5", [1]),
    ],
)
def test_what_is_no_instant_is_refused(found: object) -> None:
    with pytest.raises(Unfit) as refused:
        unix_seconds.parse("__data_time", found)
    assert refused.value.field == "__data_time"
