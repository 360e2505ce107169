"""JSON in every form people write it, each record with the line where it begins."""

import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.publishing.errors import RecordRefused
from infra.publishing.inputs import from_stream
from infra.publishing.json_input import loads
from infra.publishing.records import JsonItem

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
objects = st.dictionaries(st.text(), scalars | st.lists(scalars, max_size=3), max_size=4)


def records(text: bytes | str) -> list[tuple[str, Any]]:
    data = text.encode() if isinstance(text, str) else text
    items = from_stream(io.BufferedReader(io.BytesIO(data)), "in")
    return [(item.where, item.value) for item in items if isinstance(item, JsonItem)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("\n \n", []),
        ('{"a":1}', [("in:1", {"a": 1})]),
        ('{"a":1}\n{"a":2}\n', [("in:1", {"a": 1}), ("in:2", {"a": 2})]),
        ('\n{"a":1}\r\n\n\n{"a":2}', [("in:2", {"a": 1}), ("in:5", {"a": 2})]),
        ('{\n "a": 1\n}\n{\n "a": 2\n}', [("in:1", {"a": 1}), ("in:4", {"a": 2})]),
        ('{"a":1} {"a":2}', [("in:1", {"a": 1}), ("in:1", {"a": 2})]),
        ('[\n{"a":1},\n{"a":2}\n]\n', [("in:2", {"a": 1}), ("in:3", {"a": 2})]),
        ('[{"a":1},{"a":2}]', [("in:1 (item 1)", {"a": 1}), ("in:1 (item 2)", {"a": 2})]),
        ("[\n]", []),
        ("\ufeff" + '{"a":1}\n{"a":2}', [("in:1", {"a": 1}), ("in:2", {"a": 2})]),
        ('{"a":-Infinity}', [("in:1", {"a": -math.inf})]),
    ],
)
def test_every_form_is_read(text: str, found: list[tuple[str, Any]]) -> None:
    assert records(text) == found


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"a":1}\n{"a":}\n', "in:2: not JSON: Expecting value (column 6)"),
        ('{"a":1}\n\n{"a":1', "in:3: not JSON: Expecting ',' delimiter (column 7)"),
        ('{"a":,}\n{"a":2}\n', "in:1: not JSON: Expecting value (column 6)"),
        ('[\n{"a":1}\n{"a":2}]', "in:3: not JSON: Expecting ',' or ']' (column 1)"),
        ('{"a":1}\n{"a":\n{"a":2}\n', "in:4: not JSON: Expecting ',' delimiter (column 1), in"),
        ('[{"a":1},\n', "in:2: not JSON: Expecting value (column 1)"),
        ('{"a":1e999}', "in:1: not JSON: 1e999… is beyond the range of a double"),
        ('{"a":1}\n' + "[" * 100_000, "in:2: not JSON: nested too deeply"),
        ("[" * 100_000, "in:1: not JSON: nested too deeply"),
        (b'{"a":1}\n{"a":"\xff"}', "in:2: not JSON: 'utf-8' codec can't decode byte 0xff"),
    ],
)
def test_a_fault_is_told_with_its_line(text: str | bytes, sentence: str) -> None:
    with pytest.raises(RecordRefused) as refused:
        records(text)
    assert str(refused.value).startswith(sentence)
    assert str(refused.value).endswith("; nothing was published.")


@given(st.lists(objects, max_size=6), st.sampled_from(["lines", "pretty", "array", "tight array"]))
def test_all_forms_mean_the_same(values: list[dict[str, Any]], form: str) -> None:
    texts = {
        "lines": "\n".join(json.dumps(value) for value in values),
        "pretty": "\n".join(json.dumps(value, indent=1) for value in values),
        "array": json.dumps(values, indent=2),
        "tight array": json.dumps(values),
    }
    expected = [loads(json.dumps(value).encode()) for value in values]
    assert [value for _, value in records(texts[form])] == expected


def test_what_orjson_refuses_is_read_alike() -> None:
    assert math.isnan(loads(b"NaN"))
    assert loads(b"18446744073709551617") == 2**64 + 1, "no double, which would be another number"


def test_lines_come_one_by_one(tmp_path: Path) -> None:
    """A live feed's record is there before the next one is read."""
    given = iter([b'{"a":1}\n', b'{"a":2}\n'])

    class Feed(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            line = next(given)
            buffer[: len(line)] = line
            return len(line)

    items = from_stream(io.BufferedReader(Feed()), "in")
    assert next(items).where == "in:1"
    assert next(given) == b'{"a":2}\n', "the second line was not asked for"
