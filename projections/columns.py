"""The kinds of columns that views are made of, the same on SQLite and MariaDB."""

import math
from collections.abc import Callable
from typing import Any

from sqlalchemy import BigInteger, Column, Double, LargeBinary, String, Text
from sqlalchemy.dialects.mysql import BINARY, LONGTEXT

from projections.json_text import json_text

MAX_TCS_NAME = 100
"""Characters of a TCS system, source or key. Three of them, and a value's name, fit one key."""

MAX_TCS_TOPIC = 3 * MAX_TCS_NAME + 2
"""Characters of `system.source.key`."""

MAX_TOPIC = 249
"""Characters of a topic's name: Kafka's own limit."""

MAX_SOURCE = 300
"""Characters of a record's source."""

NIGHT = len("YYYY-MM-DD")

_LONG_TEXT = Text().with_variant(LONGTEXT(), "mysql")
_KINDS = {
    type(None): "null",
    bool: "boolean",
    int: "long",
    float: "double",
    str: "string",
    list: "array",
    tuple: "array",
}


def instant(name: str, comment: str, *, key: bool = False) -> Column[Any]:
    """Return a column of instants: µs since 1970-01-01 UTC."""
    return whole(name, f"{comment}; µs since 1970-01-01 UTC", key=key)


def whole(name: str, comment: str, *, key: bool = False) -> Column[Any]:
    """Return a column of whole numbers, 64 bits."""
    return Column(
        name, BigInteger, primary_key=key, autoincrement=False, nullable=False, comment=comment
    )


def text(name: str, length: int, comment: str, *, key: bool = False) -> Column[Any]:
    """Return a column of text, at most `length` characters; letter case and blanks count."""
    return Column(name, String(length), primary_key=key, nullable=False, comment=comment)


def json(name: str, comment: str) -> Column[Any]:
    """Return a column of canonical JSON, given as the value itself; see `projections.json_text`."""
    return _derived(Column(name, _LONG_TEXT, nullable=False, comment=f"{comment}; JSON"), json_text)


def kind(name: str, comment: str) -> Column[Any]:
    """Return a column of the type's Avro name, given as the value itself."""
    return _derived(Column(name, String(7), nullable=False, comment=comment), kind_of)


def number(name: str, comment: str) -> Column[Any]:
    """Return a column of doubles, given as any value; NULL where it is no finite number."""
    return _derived(Column(name, Double, nullable=True, comment=comment), number_of)


def _derived(column: Column[Any], stored: Callable[[Any], Any]) -> Column[Any]:
    """Mark a column as storing what a function makes of a value.

    It is called for the rows that are written, not for those that the same batch overwrites, so
    it must take every value that the record's schema allows.
    """
    column.info["stored"] = stored
    return column


def kind_of(value: Any) -> str:
    """Return the Avro type of a TCS value."""
    return _KINDS[type(value)]


def number_of(value: Any) -> float | None:
    """Return a finite number or boolean as a double, None for all else."""
    if isinstance(value, (float, int)) and math.isfinite(value):
        return value + 0.0  # -0.0 becomes 0.0: SQLite does not keep its sign
    return None


def identity(name: str, comment: str, *, key: bool = False) -> Column[Any]:
    """Return a column of 16 bytes, such as a record's id."""
    kind = LargeBinary(16).with_variant(BINARY(16), "mysql")
    return Column(name, kind, primary_key=key, nullable=False, comment=comment)
