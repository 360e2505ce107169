"""What goes wrong with a database is one sentence, and never a row lost or counted twice."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import make_url

from infra.database import (
    ChangeRefused,
    Database,
    DatabaseAway,
    DatabaseFull,
    DatabaseRefused,
    UnknownDatabase,
    ViewStore,
    connect,
)
from projections import Increment, View, views
from projections.fold import Fold, FoldedBatch, Held
from schemas.events.tcs import TcsEvent
from schemas.nights import Nights
from schemas.record import AnyRecord, Position, Provenance, Record
from tests.contract.database.cutting import wire_to
from tests.database_servers import MariaDBServer, new_server

EVENTS = views(Nights())["tcs_events"]
ACTIVITY = views(Nights())["tcs_activity"]
WHERE = ("observatory", 0)


def record(offset: int, **values: Any) -> AnyRecord:
    made = TcsEvent(0, 0, "tcs", "tracker", "position", False, values, {})
    return Record(made, Provenance("s", offset), None, 0, Position(*WHERE, offset))


def ready(database: Database, view: View = EVENTS) -> tuple[ViewStore, Held]:
    store = ViewStore(database, view, "")
    store.create()
    row = store.take(*WHERE, topic_id="id")
    return store, Held(row.epoch, row.next_offset)


def batch_of(held: Held, *records: AnyRecord, view: View = EVENTS) -> FoldedBatch:
    fold = Fold(view, {WHERE: held})
    for one in records:
        fold.add(one)
    return fold.finish()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MariaDBServer]:
    """A server that the test may kill."""
    own = new_server(tmp_path)
    yield own
    own.stop()


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_connection_lost_at_commit_leaves_the_offset_to_tell(
    mariadb_server: MariaDBServer, mariadb_url: str, cut: str
) -> None:
    with wire_to(mariadb_server.port) as wire:
        url = make_url(mariadb_url).set(port=wire.port).render_as_string()
        with closing(connect(url)) as database:
            store, held = ready(database)
            batch = batch_of(held, record(0), record(1))
            wire.cut = cut
            with pytest.raises(DatabaseAway, match="does not answer"):
                store.apply(batch)
            wire.cut = ""
            written = cut == "after"
            assert store.positions()[WHERE].next_offset == (2 if written else 0)
            assert store.apply(batch) is not written
            assert store.rows() == 2


def test_a_killed_server_is_away_and_keeps_what_it_committed(server: MariaDBServer) -> None:
    with server.database() as url, closing(connect(url)) as database:
        store, held = ready(database)
        first = batch_of(held, record(0))
        assert store.apply(first)
        held.advance(first.spans[0])
        second = batch_of(held, record(1))
        server.kill()
        with pytest.raises(DatabaseAway):
            store.apply(second)
        server.start()
        assert store.positions()[WHERE].next_offset == 1
        assert store.apply(second)
        assert store.rows() == 2


def test_a_server_that_is_not_there_is_away() -> None:
    with closing(connect("mysql+pymysql://root:secret@127.0.0.1:1/none")) as database:
        with pytest.raises(DatabaseAway, match="Can't connect") as caught:
            ready(database)
        assert "secret" not in str(caught.value)
        assert str(caught.value).startswith(
            "The database mysql+pymysql://root:***@127.0.0.1:1/none"
        )


def test_a_database_that_was_not_made_is_refused(mariadb_server: MariaDBServer) -> None:
    url = f"mysql+pymysql://root@127.0.0.1:{mariadb_server.port}/not_there"
    with closing(connect(url)) as database, pytest.raises(DatabaseRefused, match="not_there"):
        ready(database)


def test_a_wrong_password_is_refused(mariadb_server: MariaDBServer) -> None:
    url = f"mysql+pymysql://root@127.0.0.1:{mariadb_server.port}/test"
    with closing(connect(url, "wrong")) as database, pytest.raises(DatabaseRefused, match="Access"):
        ready(database)


@pytest.mark.parametrize("url", ["postgresql://host/name", "tables.sqlite", "oracle://u:p@h/x"])
def test_another_kind_of_database_is_unknown(url: str) -> None:
    with pytest.raises(UnknownDatabase, match="sqlite:///FILE or mysql") as caught:
        connect(url)
    assert ":p@" not in str(caught.value)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "night.txt"
    file.write_text("not a database, but long enough to have a header\n" * 20)
    database = connect(f"sqlite:///{file}")
    with closing(database), pytest.raises(DatabaseRefused, match="not a database"):
        ready(database)
    assert file.read_text().startswith("not a database")


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    database = connect(f"sqlite:///{tmp_path / 'missing' / 'tables.sqlite'}")
    with closing(database), pytest.raises(DatabaseRefused, match="unable to open"):
        ready(database)


def test_a_full_disk_is_said_and_nothing_is_half_written(sqlite_url: str) -> None:
    with closing(connect(sqlite_url)) as database:
        store, held = ready(database)

    with closing(connect(sqlite_url)) as full:
        _allow_pages(full, 30)
        small = ViewStore(full, EVENTS, "")
        batch = batch_of(held, *(record(i, text="x" * 3000) for i in range(100)))
        with pytest.raises(DatabaseFull, match=r"is full: .* make room"):
            small.apply(batch)
    with closing(connect(sqlite_url)) as roomy:
        store = ViewStore(roomy, EVENTS, "")
        assert (store.rows(), store.positions()[WHERE].next_offset) == (0, 0)
        assert store.apply(batch)


def _allow_pages(database: Database, pages: int) -> None:
    """Give SQLite as little room as a full disk would."""

    @sqlalchemy_event.listens_for(database.engine, "connect")
    def _limit(connection: Any, _: Any) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}").close()


def test_a_file_that_another_writer_holds_is_away(sqlite_url: str) -> None:
    with closing(connect(sqlite_url)) as holder, closing(connect(sqlite_url)) as waiting:
        _, held = ready(holder)
        _allow_waiting(waiting, 50)
        store = ViewStore(waiting, EVENTS, "")
        with holder.writing(), pytest.raises(DatabaseAway, match="locked"):
            store.apply(batch_of(held, record(0)))
        assert store.apply(batch_of(held, record(0)))


def _allow_waiting(database: Database, milliseconds: int) -> None:
    @sqlalchemy_event.listens_for(database.engine, "connect")
    def _limit(connection: Any, _: Any) -> None:
        connection.execute(f"PRAGMA busy_timeout={milliseconds}").close()


def test_readers_do_not_wait_for_a_writer(sqlite_url: str) -> None:
    with closing(connect(sqlite_url)) as database:
        store, held = ready(database)
        assert store.apply(batch_of(held, record(0)))
        with database.writing():
            assert store.rows() == 1


def test_a_number_beyond_64_bits_is_a_fault_of_the_record(database_url: str) -> None:
    (table,) = ACTIVITY.tables
    key, count = (0, "tcs", "tracker"), 2**63
    view = View(
        "tcs_activity",
        1,
        ("observatory",),
        (table,),
        lambda _: [Increment(table, key, {"events": count})],
    )
    with closing(connect(database_url)) as database:
        store, held = ready(database, view)
        with pytest.raises(ChangeRefused, match="does not take a row"):
            store.apply(batch_of(held, record(0), view=view))
        assert store.positions()[WHERE].next_offset == 0


def test_a_row_that_the_server_can_not_take_is_a_fault_of_the_record(mariadb_url: str) -> None:
    with closing(connect(mariadb_url)) as database:
        store, held = ready(database)
        fits, too_much = ("'" * size for size in (4_000_000, 20_000_000))
        assert store.apply(batch_of(held, record(0, text=fits)))
        held.next_offset = 1
        with pytest.raises(ChangeRefused, match="more than its max_allowed_packet of 16777216"):
            store.apply(batch_of(held, record(1, text=too_much)))
        assert store.rows() == 1
