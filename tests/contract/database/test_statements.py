"""Merged changes do in SQL what the single changes say, on both databases."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymysql.cursors import RE_INSERT_VALUES
from sqlalchemy import BigInteger, Column, MetaData, String, Table, delete, select

from infra.database import Database, connect
from infra.database.statements import sql
from projections import Change, Delete, Increment, Insert, Max, Min, Update, Upsert
from projections.merging import Kind, Merging, Shape

ROWS = Table(
    "merged_rows",
    MetaData(),
    Column("word", String(5), primary_key=True),
    Column("part", BigInteger, primary_key=True, autoincrement=False),
    Column("a", BigInteger, nullable=True),
    Column("guard_time", BigInteger, nullable=False),
    Column("b", BigInteger, nullable=True),
)
COLUMNS = ("a", "guard_time", "b")
COMBINING: Mapping[Any, Callable[[Any, Any], Any]] = {
    Increment: lambda old, new: (old or 0) + new,
    Max: lambda old, new: new if old is None else max(old, new),
    Min: lambda old, new: new if old is None else min(old, new),
}

_small = st.integers(-3, 3)
_key = st.sampled_from([("x", 0), ("x", 1), ("y", 0)])
_row = st.tuples(st.none() | _small, _small, st.none() | _small)
_some = st.fixed_dictionaries({"guard_time": _small}, optional={"a": _small, "b": _small})
_kinds: list[st.SearchStrategy[Any]] = [
    st.builds(Insert, st.just(ROWS), _key, _row),
    st.builds(Upsert, st.just(ROWS), _key, _row, st.none()),
    st.builds(Upsert, st.just(ROWS), _key, _row, st.just("guard_time")),
    st.builds(Update, st.just(ROWS), _key, _some),
    *(st.builds(kind, st.just(ROWS), _key, _some) for kind in COMBINING),
    st.builds(Delete, st.just(ROWS), _key),
]
# A few kinds at a time, so that changes of the same kind meet on the same row.
_batches = st.lists(st.sampled_from(_kinds), min_size=1, max_size=3).flatmap(
    lambda kinds: st.lists(st.lists(st.one_of(kinds), max_size=12), max_size=3)
)
_Rows = dict[Any, dict[str, Any]]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with closing(connect(database_url)) as made:
        with made.writing() as connection:
            ROWS.create(connection)
        yield made


def said(changes: Sequence[Change]) -> _Rows:
    """Do what the changes' descriptions say, one by one."""
    rows: _Rows = {}
    for change in changes:
        there = rows.get(change.key)
        if isinstance(change, Delete):
            rows.pop(change.key, None)
        elif isinstance(change, Update):
            if there is not None:
                there.update(change.values)
        elif isinstance(change, (Increment, Max, Min)):
            row = rows.setdefault(change.key, dict.fromkeys(COLUMNS))
            for column, value in change.values.items():
                row[column] = COMBINING[type(change)](row[column], value)
        elif there is None or (isinstance(change, Upsert) and _replaces(change, there)):
            rows[change.key] = dict(zip(COLUMNS, change.values, strict=True))
    return rows


def _replaces(change: Upsert, there: dict[str, Any]) -> bool:
    return change.newest_by is None or bool(change.values[1] >= there["guard_time"])


def done(database: Database, batches: Sequence[Sequence[Change]]) -> _Rows:
    """Merge each batch and write it."""
    with database.writing() as connection:
        connection.execute(delete(ROWS))
        for batch in batches:
            merging = Merging(ROWS)
            for at in range(0, len(batch), 3):  # a record may change several rows, or one thrice
                merging.add(batch[at : at + 3])
            for shape, rows in merging.statements():
                text = sql(shape, ROWS, connection.dialect)
                connection.exec_driver_sql(text, rows)
        found = connection.execute(select(ROWS)).all()
    return {tuple(row[:2]): dict(zip(COLUMNS, row[2:], strict=True)) for row in found}


@given(batches=_batches)
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_merged_changes_equal_single_ones(database: Database, batches: list[list[Change]]) -> None:
    assert done(database, batches) == said([change for batch in batches for change in batch])


def test_rows_of_a_stage_are_in_the_order_of_their_keys() -> None:
    merging = Merging(ROWS)
    for key in (("y", 1), ("x", 2), ("x", 1)):
        merging.add([Insert(ROWS, key, (None, 0, None))])
    (statement,) = merging.statements()
    assert [row[:2] for row in statement.rows] == [("x", 1), ("x", 2), ("y", 1)]


@pytest.mark.parametrize(
    "shape",
    [
        Shape(ROWS, Kind.INSERT, COLUMNS),
        Shape(ROWS, Kind.UPSERT, COLUMNS),
        Shape(ROWS, Kind.NEWEST, COLUMNS, ("guard_time",)),
        Shape(ROWS, Kind.COMBINE, COLUMNS, ("Increment", "Max", "Min")),
    ],
    ids=lambda shape: shape.kind.value,
)
def test_pymysql_sends_many_rows_in_one_statement(shape: Shape) -> None:
    with closing(connect("mysql+pymysql://nobody@127.0.0.1:1/none")) as database:
        text = sql(shape, ROWS, database.engine.dialect)
    assert RE_INSERT_VALUES.match(text), text
