"""A database says which format its tables have, and an older program refuses a newer one."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy import update

from infra.database import Database, ViewStore, connect
from infra.database.formats import FORMAT, MARK, FormatTooNew, found
from projections import views
from schemas.nights import Nights

VIEW = views(Nights())["night_summary"]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with closing(connect(database_url)) as made:
        yield made


def test_an_empty_database_has_no_mark_and_one_with_tables_has(database: Database) -> None:
    with database.reading() as connection:
        assert found(connection) is None
    for _ in range(2):
        ViewStore(database, VIEW, "").create()
    with database.reading() as connection:
        assert found(connection) == FORMAT


def test_a_newer_format_is_refused_by_every_use(database: Database, database_url: str) -> None:
    ViewStore(database, VIEW, "").create()
    with database.writing() as connection:
        connection.execute(update(MARK).values(version=FORMAT + 1))
    with closing(connect(database_url)) as other:
        for use in (other.reading, other.writing, other.at_one_moment):
            with (
                pytest.raises(FormatTooNew, match=r"format 2, and this evctl knows up to 1"),
                use(),
            ):
                pass
