"""One text for each value, and no two values with one text."""

import math
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.columns import kind_of, number_of
from projections.json_text import json_text

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(),
    st.sampled_from(["NaN", "Infinity", "null", '{"double":"NaN"}']),
)
PAYLOADS = st.dictionaries(st.text(), SCALARS | st.lists(SCALARS, max_size=3), max_size=4)


def read(text: str) -> Any:
    """Return the value of a canonical text, by the documented rules alone."""
    return _numbers(orjson.loads(text))


def _numbers(value: Any) -> Any:
    if isinstance(value, list):
        return [_numbers(member) for member in value]
    if isinstance(value, dict):
        if value.keys() == {"double"} and isinstance(value["double"], str):
            return float(value["double"])
        return {name: _numbers(member) for name, member in value.items()}
    return value


@given(SCALARS | st.lists(SCALARS, max_size=3))
def test_a_value_is_read_back_exactly(value: Any) -> None:
    assert repr(read(json_text(value))) == repr(value)


@given(PAYLOADS.filter(lambda payload: payload.keys() != {"double"}))
def test_a_payload_is_one_text_in_any_order(payload: dict[str, Any]) -> None:
    backwards = dict(reversed(payload.items()))
    assert json_text(payload) == json_text(backwards)
    assert repr(read(json_text(payload))) == repr(dict(sorted(payload.items(), key=_utf8)))


def _utf8(item: tuple[str, Any]) -> bytes:
    return item[0].encode()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.nan, '{"double":"NaN"}'),
        ("NaN", '"NaN"'),
        (-math.inf, '{"double":"-Infinity"}'),
        ([1, None, math.inf], '[1,null,{"double":"Infinity"}]'),
        ({"b": 2**63 - 1, "a": 1.0}, '{"a":1.0,"b":9223372036854775807}'),
        (-0.0, "-0.0"),
    ],
)
def test_the_documented_forms(value: Any, text: str) -> None:
    assert json_text(value) == text


@pytest.mark.parametrize(
    ("value", "kind", "number"),
    [
        (None, "null", None),
        (True, "boolean", 1.0),
        (2**62, "long", float(2**62)),
        (1.5, "double", 1.5),
        (math.nan, "double", None),
        (-math.inf, "double", None),
        ("1.5", "string", None),
        ([1.5], "array", None),
    ],
)
def test_kind_and_number_of_a_value(value: Any, kind: str, number: float | None) -> None:
    assert (kind_of(value), number_of(value)) == (kind, number)


def test_the_sign_of_zero_is_dropped_from_numbers_only() -> None:
    number = number_of(-0.0)
    assert number is not None
    assert math.copysign(1, number) == 1
