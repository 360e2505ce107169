"""The rows in which two sets of a view's tables differ, by key, in one pass over both."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Connection, Table, inspect, select

from infra.database.digests import ROWS_AT_ONCE
from infra.database.tables import ViewTables
from schemas.errors import EvctlError

_Row: TypeAlias = tuple[Any, ...]


class KeysDiffer(EvctlError):
    """Two tables have other keys, so that no row can be told to be the other's."""

    exit_code = 78

    def __init__(self, table: str, missing: str) -> None:
        super().__init__(
            f"The table {table} lacks the key column {missing}: its rows can't be compared with "
            "the new ones. Rebuild without --diff."
        )
        self.table, self.missing = table, missing


class RowDifference(NamedTuple):
    """One row: `-` only in the old table, `+` only in the new, `~` in both with other values."""

    mark: str
    key: Mapping[str, Any]
    columns: Mapping[str, tuple[Any, Any]] = {}
    """Of a row in both: old and new value of each column that differs."""


@dataclass(slots=True)
class TableDifferences:
    """How many rows differ in one table, and the first of them; columns that only one has."""

    table: str
    only_old: int = 0
    only_new: int = 0
    changed: int = 0
    shown: list[RowDifference] = field(default_factory=list)
    columns_gone: tuple[str, ...] = ()
    columns_new: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """How many rows differ."""
        return self.only_old + self.only_new + self.changed


def differences(
    before: Connection, old: ViewTables, after: Connection, new: ViewTables, limit: int
) -> Iterator[TableDifferences]:
    """Yield what differs in each table; at most `limit` rows of each are shown.

    Both connections are of one database, so that keys have one order. Old tables may have other
    columns than today's; those that both have are compared. Raises `KeysDiffer`.
    """
    for template, table in new.data.items():
        one = old.data[template]
        there = {column["name"] for column in inspect(before).get_columns(one.name)}
        names = [column.name for column in table.columns if column.name in there]
        keys = [column.name for column in table.primary_key.columns]
        for key in keys:
            if key not in there:
                raise KeysDiffer(one.name, key)
        found = TableDifferences(one.name)
        wanted = {column.name for column in table.columns}
        found.columns_gone = tuple(sorted(there - wanted))
        found.columns_new = tuple(sorted(wanted - there))
        ordered = [*keys, *(name for name in names if name not in keys)]
        rows = _rows(before, one, ordered, len(keys)), _rows(after, table, ordered, len(keys))
        for difference in merged(*rows, ordered, len(keys)):
            _count(found, difference, limit)
        yield found


def _count(found: TableDifferences, difference: RowDifference, limit: int) -> None:
    found.only_old += difference.mark == "-"
    found.only_new += difference.mark == "+"
    found.changed += difference.mark == "~"
    if len(found.shown) < limit:
        found.shown.append(difference)


def _rows(connection: Connection, table: Table, names: list[str], keys: int) -> Iterator[_Row]:
    columns = [table.c[name] for name in names]
    query = select(*columns).order_by(*columns[:keys])
    streaming = connection.execution_options(yield_per=ROWS_AT_ONCE)
    for rows in streaming.execute(query).partitions():
        for row in rows:
            yield tuple(row)


def merged(
    old: Iterator[_Row], new: Iterator[_Row], names: list[str], keys: int
) -> Iterator[RowDifference]:
    """Yield how two streams of rows differ, each in the order of its key: the first columns."""
    one, other = next(old, None), next(new, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one[:keys] < other[:keys]):
            assert one is not None
            yield RowDifference("-", dict(zip(names, one[:keys], strict=False)))
            one = next(old, None)
        elif one is None or other[:keys] < one[:keys]:
            yield RowDifference("+", dict(zip(names, other[:keys], strict=False)))
            other = next(new, None)
        else:
            if one != other:
                yield _changed(one, other, names, keys)
            one, other = next(old, None), next(new, None)


def _changed(one: _Row, other: _Row, names: list[str], keys: int) -> RowDifference:
    columns = {
        name: (before, after)
        for name, before, after in zip_longest(names[keys:], one[keys:], other[keys:])
        if before != after
    }
    return RowDifference("~", dict(zip(names, one[:keys], strict=False)), columns)
