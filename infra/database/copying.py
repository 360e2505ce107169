"""A view's rows taken from one database into another, in batches."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Table, select

from infra.database.digests import ROWS_AT_ONCE
from infra.database.store import ViewStore
from infra.database.tables import ViewTables
from projections.merging import Kind, Shape, Statement


def copy(source: Connection, tables: ViewTables, target: ViewStore) -> None:
    """Copy rows, high-waters and offsets into the empty tables of `target`.

    Offsets come last, in one transaction with the high-waters: where they are, all is.
    """
    templates = dict(zip(tables.data.values(), target.tables.data.values(), strict=True))
    for before, after in templates.items():
        for statement in _statements(source, before, after):
            with target.database.writing() as connection:
                target.write(connection, statement)
    with target.database.writing() as connection:
        for before, after in (
            (tables.sources, target.tables.sources),
            (tables.position, target.tables.position),
        ):
            for statement in _statements(source, before, after):
                target.write(connection, statement)


def _statements(source: Connection, before: Table, after: Table) -> Iterator[Statement]:
    """Yield what writes the rows of a table into another one of the same columns."""
    keys = list(before.primary_key.columns)
    others = [column for column in before.columns if not column.primary_key]
    shape = Shape(after, Kind.INSERT, tuple(column.name for column in others))
    query = select(*keys, *others).order_by(*keys)
    streaming = source.execution_options(yield_per=ROWS_AT_ONCE)
    for rows in streaming.execute(query).partitions():
        plain: list[tuple[Any, ...]] = [tuple(row) for row in rows]
        yield Statement(shape, plain)
