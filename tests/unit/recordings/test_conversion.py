"""Text to value and back, and nothing lost between."""

import math

import pytest
from hypothesis import given

from producers.conversion import CONVERT_ALL, Conversion, render
from schemas.events.tcs import Value
from tests.unit.recordings.arbitrary import TEXT


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("0", 0), ("5", 5), ("-5", -5), ("9223372036854775807", 2**63 - 1)),
        *(("1.5", 1.5), ("1e+22", 1e22), ("-0.0", -0.0), ("inf", math.inf), ("-inf", -math.inf)),
        *(("true", True), ("false", False)),
    ],
)
def test_a_text_that_rendering_gives_back_is_converted(text: str, value: Value) -> None:
    found, exact = CONVERT_ALL(text)
    assert (repr(found), exact) == (repr(value), True)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("True", True), ("FALSE", False), ("tRuE", True)),
        *(("1.50", 1.5), (".5", 0.5), ("5.", 5.0), ("1e5", 1e5), ("1E5", 1e5), ("+1.5", 1.5)),
        *(("-.5e-3", -0.0005), ("NaN", math.nan), ("-nan", math.nan), ("Infinity", math.inf)),
        *(("0.1000000000000000055511151231257827", 0.1), ("1e-400", 0.0)),
    ],
)
def test_other_spellings_of_doubles_and_booleans_are_converted_too(text: str, value: Value) -> None:
    found, exact = CONVERT_ALL(text)
    assert (repr(found), exact) == (repr(value), False)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "007", "+5", "-0", "00", "5 ", " 5", "5\n", "1_000", "1_0.5", "0x1F", "0b1"),
        *("9223372036854775808", "-9223372036854775809", "9" * 5000, "1e400", "-1.5e999"),
        *("٥", "1.٥", "1,5", "1.5.2", "e5", ".", "-", "+", ".e5", "nano", "infinite", "in"),
        *("truely", "t", "yes", "null", "None", "[1]"),
    ],
)
def test_everything_else_stays_text(text: str) -> None:
    assert CONVERT_ALL(text) == (text, True)


@given(TEXT)
def test_a_value_marked_exact_is_rendered_as_it_was(text: str) -> None:
    value, exact = CONVERT_ALL(text)
    if isinstance(value, str):
        assert (value, exact) == (text, True)
    else:
        assert isinstance(value, int | float)
        assert (render(value) == text) is exact


@pytest.mark.parametrize(("text", "converted"), [("5", False), ("nan", False), ("TRUE", True)])
def test_numbers_can_be_left_as_text(text: str, converted: bool) -> None:
    assert (Conversion(numbers=False)(text)[0] != text) is converted


@pytest.mark.parametrize(("text", "converted"), [("5", True), ("1e5", True), ("TRUE", False)])
def test_booleans_can_be_left_as_text(text: str, converted: bool) -> None:
    assert (Conversion(booleans=False)(text)[0] != text) is converted
