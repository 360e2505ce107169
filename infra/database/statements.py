"""The SQL of each shape of change, in one place for both dialects.

Texts for `executemany` by the driver itself: SQLAlchemy's handling of each row costs more than
the row. pymysql makes one statement of many rows only of `INSERT … VALUES (%s, …) [ON DUPLICATE
KEY UPDATE …]`.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Dialect,
    Table,
    bindparam,
    delete,
    func,
    literal_column,
    update,
)
from sqlalchemy.dialects.mysql import insert as mysql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.sql.dml import UpdateBase

from projections.merging import Kind, Shape

_Column: TypeAlias = ColumnElement[Any]
_Combine: TypeAlias = Callable[[_Column, _Column], _Column]


def sql(shape: Shape, table: Table, dialect: Dialect) -> str:
    """Return the statement that writes rows of a shape into `table`."""
    if shape.kind is Kind.UPDATE:
        new: dict[str, Any] = {name: bindparam(f"new_{name}") for name in shape.columns}
        return _text(update(table).where(_is_key(table)).values(new), dialect)
    if shape.kind is Kind.DELETE:
        return _text(delete(table).where(_is_key(table)), dialect)
    keys = [column.name for column in table.primary_key.columns]
    values: dict[str, Any] = {name: bindparam(name) for name in (*keys, *shape.columns)}
    is_sqlite = dialect.name == "sqlite"
    return _text((_sqlite if is_sqlite else _mariadb)(shape, table, keys, values), dialect)


def _text(statement: UpdateBase, dialect: Dialect) -> str:
    return str(statement.compile(dialect=dialect))


def _is_key(table: Table) -> _Column:
    condition: _Column | None = None
    for column in table.primary_key.columns:
        one = column == bindparam(f"key_{column.name}")
        condition = one if condition is None else condition & one
    assert condition is not None
    return condition


def _sqlite(shape: Shape, table: Table, keys: list[str], values: Mapping[str, Any]) -> UpdateBase:
    statement = sqlite_insert(table).values(dict(values))
    if shape.kind is Kind.INSERT or not shape.columns:
        return statement.on_conflict_do_nothing(index_elements=keys)
    new = statement.excluded
    where = None
    if shape.kind is Kind.NEWEST:
        guard = shape.detail[0]
        where = new[guard] >= table.c[guard]
    return statement.on_conflict_do_update(
        index_elements=keys,
        set_={name: _value(shape, table, name, new[name], _SQLITE) for name in shape.columns},
        where=where,
    )


def _mariadb(shape: Shape, table: Table, keys: list[str], values: Mapping[str, Any]) -> UpdateBase:
    statement = mysql_insert(table).values(dict(values))
    new = statement.inserted
    if shape.kind is Kind.INSERT or not shape.columns:
        return statement.on_duplicate_key_update([(keys[0], table.c[keys[0]])])
    if shape.kind is Kind.NEWEST:
        # An assignment sees those before it: a guard that was just raised is not greater either.
        guard = shape.detail[0]
        newer = new[guard] >= table.c[guard]
        return statement.on_duplicate_key_update(
            [(name, func.if_(newer, new[name], table.c[name])) for name in shape.columns]
        )
    return statement.on_duplicate_key_update(
        [(name, _value(shape, table, name, new[name], _MARIADB)) for name in shape.columns]
    )


def _value(
    shape: Shape, table: Table, name: str, new: _Column, combine: Mapping[str, _Combine]
) -> _Column:
    if shape.kind is not Kind.COMBINE:
        return new
    return combine[shape.detail[shape.columns.index(name)]](table.c[name], new)


def _added(old: _Column, new: _Column) -> _Column:
    return func.coalesce(old, literal_column("0")) + new


# The greater of NULL and a value is NULL in both, hence the value.
_SQLITE: Mapping[str, _Combine] = {
    "Increment": _added,
    "Max": lambda old, new: func.coalesce(func.max(old, new), new),
    "Min": lambda old, new: func.coalesce(func.min(old, new), new),
}
_MARIADB: Mapping[str, _Combine] = {
    "Increment": _added,
    "Max": lambda old, new: func.coalesce(func.greatest(old, new), new),
    "Min": lambda old, new: func.coalesce(func.least(old, new), new),
}
