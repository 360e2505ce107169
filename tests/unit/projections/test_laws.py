"""What every view has to keep, held for each file of the folder."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Text
from sqlalchemy.dialects.mysql.reserved_words import RESERVED_WORDS_MARIADB, RESERVED_WORDS_MYSQL
from sqlalchemy.dialects.sqlite.base import SQLiteIdentifierPreparer

from infra.database import ViewStore, connect
from infra.database.tables import MAX_NAME, MAX_VIEW_NAME, prefix, tables_of
from projections import View, views
from schemas.nights import Nights
from schemas.topics import BY_NAME
from tests.unit.projections.logs import NAMESPACE, batches, logs, write

VIEWS = views(Nights())
RESERVED = RESERVED_WORDS_MARIADB | RESERVED_WORDS_MYSQL | SQLiteIdentifierPreparer.reserved_words
INNODB_KEY_BYTES = 3072

each_view = pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())


@contextmanager
def fresh(view: View) -> Iterator[ViewStore]:
    with closing(connect("sqlite://")) as database:
        store = ViewStore(database, view, NAMESPACE)
        store.create()
        yield store


def result(store: ViewStore) -> tuple[str, int]:
    return store.digest(), store.rows()


@each_view
@given(data=st.data())
@settings(max_examples=25)
def test_any_reading_and_any_repeat_give_the_same_rows(view: View, data: st.DataObject) -> None:
    log = data.draw(logs(view))
    with fresh(view) as plain, fresh(view) as other:
        write(plain, [[record for records in log.once.values() for record in records]])
        write(other, data.draw(batches(log.repeated)))
        assert result(other) == result(plain)


@each_view
@given(data=st.data())
@settings(max_examples=15)
def test_reading_again_after_a_stop_changes_nothing(view: View, data: st.DataObject) -> None:
    log = data.draw(logs(view))
    with fresh(view) as store:
        write(store, data.draw(batches(log.once)))
        before = result(store), dict(store.positions())
        write(store, data.draw(batches(log.once)))
        after = (
            result(store),
            {where: row._replace(epoch=row.epoch - 1) for where, row in store.positions().items()},
        )
        assert after == before


@each_view
@given(data=st.data())
@settings(max_examples=15)
def test_a_rebuild_equals_the_live_rows(view: View, data: st.DataObject) -> None:
    log = data.draw(logs(view))
    with fresh(view) as live:
        write(live, data.draw(batches(log.repeated)))
        before = result(live)
        built = ViewStore(live.database, view, NAMESPACE, "next")
        built.create()
        write(built, data.draw(batches(log.repeated)))
        live.swap("next")
        assert result(live) == before


@each_view
@given(data=st.data())
@settings(max_examples=15)
def test_a_record_is_not_touched_and_says_the_same_twice(view: View, data: st.DataObject) -> None:
    log = data.draw(logs(view))
    for record in (record for records in log.once.values() for record in records):
        before = repr(record)
        first, second = view.project(record), view.project(record)
        assert repr(first) == repr(second)
        assert {change.table for change in first} <= set(view.tables)
        assert repr(record) == before


@each_view
def test_its_tables_have_a_key_first_and_comments_and_no_index(view: View) -> None:
    assert set(view.topics) <= set(BY_NAME)
    for table in view.tables:
        keys = [column.name for column in table.primary_key.columns]
        assert [column.name for column in table.columns][: len(keys)] == keys
        assert not table.indexes
        assert all(column.comment for column in table.columns)
        assert not any(isinstance(column.type, Text) for column in table.primary_key.columns)


@each_view
def test_its_names_are_short_and_not_reserved(view: View) -> None:
    assert len(view.name) <= MAX_VIEW_NAME
    longest = "replay.0123456789abcdef0123456789abcdef."
    for table in tables_of(view, longest, "next").all:
        assert len(table.name) <= MAX_NAME
        assert table.name.startswith(prefix(longest))
        assert not {column.name.lower() for column in table.columns} & RESERVED


@each_view
def test_its_key_fits_an_index_of_innodb(view: View) -> None:
    for table in tables_of(view, "", "").all:
        lengths = [getattr(c.type, "length", None) or 2 for c in table.primary_key.columns]
        assert sum(4 * length for length in lengths) <= INNODB_KEY_BYTES
