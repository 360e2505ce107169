"""A view's tables go to a file and back, from and to both databases, and are the same."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.database import Database, ViewStore, connect
from infra.database.snapshots import SnapshotDiffers, file_digest, keep, opened, put_back
from projections import View, views
from schemas.nights import Nights
from tests.unit.projections.logs import NAMESPACE, batches, logs, write

VIEWS = views(Nights())
NIGHT = "2024-10-05"
EACH = pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
_numbers = count()


@pytest.fixture
def databases(sqlite_url: str, mariadb_url: str) -> Iterator[list[Database]]:
    """One database of each kind."""
    with closing(connect(sqlite_url)) as one, closing(connect(mariadb_url)) as other:
        yield [one, other]


def emptied(database: Database, view: View, build: str = "") -> ViewStore:
    store = ViewStore(database, view, NAMESPACE, build)
    store.drop()
    store.create()
    return store


def high_waters(store: ViewStore) -> dict[tuple[str, int], dict[str, int]]:
    return {place: store.high_waters(*place) for place in store.positions()}


@EACH
@given(data=st.data())
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_tables_come_back_as_they_were_whichever_database_they_are_from(
    databases: list[Database], tmp_path: Path, view: View, data: st.DataObject
) -> None:
    read = data.draw(batches(data.draw(logs(view)).repeated))
    for database in databases:
        store = emptied(database, view)
        write(store, read)
        path = tmp_path / f"a name of %20 and #? {next(_numbers)}.sqlite"
        kept = keep(store, path, NIGHT)
        assert kept.shown == store.snapshot()
        assert kept.night.digest == store.digest(NIGHT)
        before = file_digest(path)
        for other in databases:
            target = emptied(other, view, "next")
            with opened(path, view, NAMESPACE) as there:
                put_back(there, path, target, kept.shown.digest)
            assert target.snapshot() == kept.shown
            assert high_waters(target) == high_waters(store)
        assert file_digest(path) == before  # to read a snapshot does not alter it
        assert [other.name for other in tmp_path.glob(f"{path.name}-*")] == []


def test_a_damaged_snapshot_is_refused(tmp_path: Path, databases: list[Database]) -> None:
    view = VIEWS["night_summary"]
    store = emptied(databases[0], view)
    (table,) = store.tables.data.values()
    with store.database.writing() as connection:
        row = {"night": NIGHT, "records": 3, "tcs_events": 3, "first_time": 1, "last_time": 2}
        connection.execute(table.insert().values(row))
    path = tmp_path / "kept.sqlite"
    kept = keep(store, path, NIGHT)
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(f"UPDATE {table.name} SET records = 4")
    target = emptied(databases[1], view, "next")
    with opened(path, view, NAMESPACE) as there, pytest.raises(SnapshotDiffers, match="damaged"):
        put_back(there, path, target, kept.shown.digest)
