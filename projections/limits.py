"""Whether texts fit their columns, asked before SQL is: SQLite would take any length.

Whole numbers need no such question: Avro's have 64 bits, as the columns have.
"""

from collections.abc import Iterable
from typing import Any, TypeAlias

from sqlalchemy import Column, String, Table

from projections import Change, Delete
from schemas.errors import EvctlError
from schemas.record import Position

_Limit: TypeAlias = tuple[int, int, str]
"""Place of a text among the values, how many characters fit, and the column's name."""


class RecordDoesNotFit(EvctlError):
    """A record makes a row that its table can't hold."""

    exit_code = 65

    def __init__(self, position: Position, column: str, value: str, limit: int) -> None:
        shown = value if len(value) <= 40 else f"{value[:39]}…"
        super().__init__(
            f"The record {position} does not fit {column}: {shown!r} has {len(value)} characters, "
            f"of which {limit} are allowed; shorten it where it is produced."
        )
        self.position, self.column, self.value, self.limit = position, column, value, limit


class Limits:
    """The lengths of a table's text columns."""

    def __init__(self, table: Table) -> None:
        others = [column for column in table.columns if not column.primary_key]
        self._table = table.name
        self._key = _limits(table.primary_key.columns)
        self.of_row = _limits(others)
        """Of the other columns; without any, a key that passed once passes again."""

    def check(self, change: Change, position: Position) -> None:
        """Raise `RecordDoesNotFit` if a text of the change is too long."""
        key = change[1]
        for at, limit, column in self._key:
            if len(key[at]) > limit:
                raise RecordDoesNotFit(position, f"{self._table}.{column}", key[at], limit)
        if self.of_row and not isinstance(change, Delete):
            self._check_row(change, position)

    def _check_row(self, change: Any, position: Position) -> None:
        values = change.values
        for at, limit, column in self.of_row:
            value = values[at] if type(values) is tuple else values.get(column)
            if value is not None and len(value) > limit:
                raise RecordDoesNotFit(position, f"{self._table}.{column}", value, limit)


def _limits(columns: Iterable[Column[Any]]) -> tuple[_Limit, ...]:
    """Return the limits of texts as they are given; a derived text has the length it has."""
    return tuple(
        (at, column.type.length, column.name)
        for at, column in enumerate(columns)
        if isinstance(column.type, String) and column.type.length and "stored" not in column.info
    )
