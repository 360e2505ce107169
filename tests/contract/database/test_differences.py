"""The rows in which two tables differ, on both databases, are those in which their rows differ."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from infra.database import Database, ViewStore, connect
from infra.database.differences import KeysDiffer, TableDifferences, differences
from projections import views
from schemas.nights import Nights

LATEST = views(Nights())["tcs_latest"]
NAMES = ("data_time", "kind", "value_text", "number")
KEYS = st.tuples(
    st.sampled_from(["a", "A", "a ", "é", "🔭", "\ufffd"]), st.sampled_from(["x", "X"])
)
ROWS = st.tuples(
    st.integers(0, 2), st.just("double"), st.sampled_from(["1.0", "2.0"]), st.none() | st.just(1.5)
)
TABLES = st.dictionaries(KEYS, ROWS)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with closing(connect(database_url)) as made:
        yield made


def filled(database: Database, build: str, rows: Mapping[Any, Any]) -> ViewStore:
    store = ViewStore(database, LATEST, "", build)
    store.drop()
    store.create()
    (table,) = store.tables.data.values()
    with database.writing() as connection:
        for (topic, name), row in rows.items():
            values = dict(zip(NAMES, row, strict=True))
            connection.execute(table.insert().values(tcs_topic=topic, value_name=name, **values))
    return store


def compared(old: ViewStore, new: ViewStore, limit: int = 1000) -> TableDifferences:
    with old.database.at_one_moment() as before, new.database.at_one_moment() as after:
        (found,) = differences(before, old.tables, after, new.tables, limit)
        return found


@given(old=TABLES, new=TABLES)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_differs_is_found_and_counted(
    database: Database, old: Mapping[Any, Any], new: Mapping[Any, Any]
) -> None:
    found = compared(filled(database, "", old), filled(database, "next", new))
    by_mark: dict[str, Any] = {"-": {}, "+": {}, "~": {}}
    for row in found.shown:
        by_mark[row.mark][tuple(row.key.values())] = row.columns
    changed = {key for key in old.keys() & new.keys() if old[key] != new[key]}
    assert by_mark["-"].keys() == old.keys() - new.keys()
    assert by_mark["+"].keys() == new.keys() - old.keys()
    assert by_mark["~"].keys() == changed
    for key in changed:
        pairs = zip(NAMES, old[key], new[key], strict=True)
        assert by_mark["~"][key] == {name: (a, b) for name, a, b in pairs if a != b}
    counts = found.only_old, found.only_new, found.changed
    assert counts == tuple(len(rows) for rows in by_mark.values())
    some = compared(ViewStore(database, LATEST, ""), ViewStore(database, LATEST, "", "next"), 2)
    assert (some.rows, some.shown) == (found.rows, found.shown[:2])


def test_columns_that_only_one_table_has_are_named(database: Database) -> None:
    row = (1, "double", "1.0", 1.5)
    old, new = filled(database, "", {("a", "x"): row}), filled(database, "next", {("a", "x"): row})
    with database.writing() as connection:
        connection.execute(text("ALTER TABLE tcs_latest DROP COLUMN number"))
        connection.execute(text("ALTER TABLE tcs_latest ADD COLUMN note INTEGER"))
    found = compared(old, new)
    assert (found.columns_gone, found.columns_new, found.rows) == (("note",), ("number",), 0)


def test_without_a_key_column_nothing_is_compared(database: Database) -> None:
    old, new = filled(database, "", {}), filled(database, "next", {})
    with database.writing() as connection:
        connection.execute(text("DROP TABLE tcs_latest"))
        connection.execute(text("CREATE TABLE tcs_latest (tcs_topic VARCHAR(302) PRIMARY KEY)"))
    with pytest.raises(KeysDiffer, match="tcs_latest lacks the key column value_name"):
        compared(old, new)
