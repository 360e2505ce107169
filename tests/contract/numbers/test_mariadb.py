"""What only a server has: OCD's own table, other writers, faults of the table, and an end."""

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import date
from typing import Any

import pymysql
import pytest
from sqlalchemy import make_url
from sqlalchemy.schema import CreateTable

from infra.database import Database, connect
from infra.observation_numbers import NumberStore, errors, migrating
from infra.observation_numbers.locking import alone
from infra.observation_numbers.structure import SQLITE
from infra.observation_numbers.tables import THROW_AWAY
from tests.contract.database.cutting import wire_to
from tests.contract.numbers.taking import DAY, NEXT_DAY, insert, rows, ticket
from tests.database_servers import MariaDBServer

CLIENTS, NUMBERS = 50, 500
REFERENCE = [
    ("id", "smallint(5) unsigned", "NO", "PRI", None, "auto_increment"),
    ("ts", "timestamp", "NO", "", "current_timestamp()", ""),
    ("obsdate", "date", "NO", "MUL", None, ""),
    ("inst", "varchar(5)", "NO", "", None, ""),
    ("obsnum", "mediumint(9)", "NO", "", None, ""),
]
"""`DESCRIBE vl_obsnum` of MariaDB, for OCD's table."""


def store(database: Database, **options: Any) -> NumberStore:
    """Return a store of the one writer."""
    return NumberStore(database, "observation_numbers", "virus", **options)


def do(database: Database, *statements: str) -> None:
    """Carry out statements, each for itself."""
    for statement in statements:
        with database.writing() as connection:
            connection.exec_driver_sql(statement)


@contextmanager
def as_ocd(database: Database) -> Iterator["pymysql.Connection[pymysql.cursors.Cursor]"]:
    """Give a connection that knows nothing of our lock, and waits for no row."""
    url = make_url(str(database.engine.url))
    connection = pymysql.connect(
        host=url.host, port=url.port or 0, user=url.username, database=url.database
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION innodb_lock_wait_timeout = 0")
        yield connection


def test_the_table_is_made_as_ocd_has_it_and_only_when_asked(mariadb: Database) -> None:
    with pytest.raises(errors.TableMissing, match="`evctl mysql migrate --create` makes it"):
        store(mariadb).take(ticket(1), DAY, "")
    assert store(mariadb).find(ticket(1)) is None
    with pytest.raises(errors.TableMissing):
        migrating.migrate(mariadb)

    assert migrating.create(mariadb)
    assert not migrating.create(mariadb)

    with mariadb.reading() as connection:
        assert [tuple(row) for row in connection.exec_driver_sql("DESCRIBE vl_obsnum")] == REFERENCE
        made = connection.exec_driver_sql("SHOW CREATE TABLE vl_obsnum").one()[1]
    assert store(mariadb).take(ticket(1), DAY, "").obsnum == 1
    with mariadb.reading() as connection:
        after = connection.exec_driver_sql("SHOW CREATE TABLE vl_obsnum").one()[1]
    assert re.sub(r" AUTO_INCREMENT=\d+", "", after) == made


def test_fifty_clients_at_once_get_numbers_without_gap_or_duplicate(mariadb: Database) -> None:
    migrating.create(mariadb)
    url, begin = (
        mariadb.engine.url.render_as_string(hide_password=False),
        threading.Barrier(CLIENTS),
    )

    def client(number: int) -> list[int]:
        mine = connect(url)
        numbers = store(mine, lock_wait_s=300)
        begin.wait(300)
        asked = range(number, NUMBERS, CLIENTS)
        taken = [numbers.take(ticket(request), DAY, "").obsnum for request in asked]
        mine.close()
        return taken

    with ThreadPoolExecutor(CLIENTS) as pool:
        taken = [obsnum for found in pool.map(client, range(CLIENTS)) for obsnum in found]
    assert sorted(taken) == list(range(1, NUMBERS + 1))
    assert [(row[0], row[3]) for row in rows(mariadb)] == [(n, n) for n in range(1, NUMBERS + 1)]


@pytest.mark.parametrize("key", [False, True], ids=["as-ocd-has-it", "with-the-key"])
def test_a_writer_that_does_not_know_the_lock_can_not_insert_between(
    mariadb: Database, key: bool
) -> None:
    migrating.create(mariadb)
    if key:
        migrating.migrate(mariadb)
    numbers = store(mariadb)
    for request in range(3):
        numbers.take(ticket(request), DAY, "")
    numbers.take(ticket(3), NEXT_DAY, "")
    for day, highest in ((DAY, 3), (NEXT_DAY, 1), ("2017-11-26", 0)):
        with as_ocd(mariadb) as ocd, ocd.cursor() as cursor:
            row = (day, highest + 1)
            statement = "INSERT INTO vl_obsnum (obsdate, inst, obsnum) VALUES (%s, 'hpf', %s)"
            with alone(mariadb) as connection:
                asked = date.fromisoformat(day)
                assert numbers._next(connection, asked, SQLITE) == highest + 1
                with pytest.raises(pymysql.err.OperationalError, match="Lock wait timeout"):
                    cursor.execute(statement, row)
            ocd.rollback()
            cursor.execute(statement, row)  # not committed yet: ours waits
            with ThreadPoolExecutor(1) as pool:
                taken = pool.submit(numbers.take, ticket(100 + highest), day, "")
                while not waiting(mariadb):
                    assert not taken.done()
                ocd.commit()
                assert taken.result(60).obsnum == highest + 2


def waiting(database: Database) -> bool:
    """Tell whether a transaction waits for rows."""
    with database.reading() as connection:
        query = "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'"
        return str(connection.exec_driver_sql(query).one()[1]) != "0"


def test_the_key_is_added_when_asked_and_duplicates_are_named(mariadb: Database) -> None:
    migrating.create(mariadb)
    for number in (7, 7, 8, 9, 9, 9):
        insert(mariadb, DAY, "virus", number)
    with pytest.raises(errors.Duplicates, match="2017-11-24 7: 2 rows; 2017-11-24 9: 3 rows"):
        migrating.migrate(mariadb)
    do(mariadb, "DELETE FROM vl_obsnum WHERE id IN (2, 5, 6)")
    assert migrating.migrate(mariadb) == ("evctl_obsdate_obsnum", True)
    assert migrating.migrate(mariadb) == ("evctl_obsdate_obsnum", False)
    assert store(mariadb).take(ticket(1), DAY, "").obsnum == 10


def test_a_held_lock_is_told_with_who_holds_it(mariadb: Database) -> None:
    migrating.create(mariadb)
    with alone(mariadb) as connection:
        holder = connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar()
        with pytest.raises(errors.LockHeld, match=rf"connection {holder} has held the lock '.*\."):
            store(connect(mariadb.engine.url.render_as_string()), lock_wait_s=0.1).take(
                ticket(1), DAY, ""
            )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DROP COLUMN inst", "it has no column inst"),
        ("MODIFY obsdate VARCHAR(10) NOT NULL", r"obsdate is varchar\(10\), and not a date"),
        ("MODIFY id SMALLINT UNSIGNED NOT NULL", "id does not count by itself"),
        ("ADD COLUMN observer VARCHAR(9) NOT NULL", "observer needs a value, and OCD gives none"),
        ("ENGINE=MyISAM", "it is MyISAM, and only InnoDB has transactions"),
    ],
)
def test_another_table_is_refused_by_what_differs(
    mariadb: Database, change: str, said: str
) -> None:
    migrating.create(mariadb)
    do(mariadb, f"ALTER TABLE vl_obsnum {change}")
    with pytest.raises(errors.WrongStructure, match=said):
        store(mariadb).take(ticket(1), DAY, "")


def test_ids_that_are_used_up_are_a_fault_until_the_column_is_wider(mariadb: Database) -> None:
    migrating.create(mariadb)
    do(mariadb, "INSERT INTO vl_obsnum VALUES (65534, NOW(), '2017-11-23', 'virus', 1)")
    numbers = store(mariadb)
    assert numbers.take(ticket(1), DAY, "").row_id == 65_535
    with pytest.raises(errors.IdExhausted, match="its column id counts no further"):
        numbers.take(ticket(2), DAY, "")
    do(mariadb, "DELETE FROM vl_obsnum WHERE id = 65535")  # the counter stays where it is
    with pytest.raises(errors.IdExhausted):
        numbers.take(ticket(2), DAY, "")
    do(mariadb, "ALTER TABLE vl_obsnum MODIFY id INT UNSIGNED NOT NULL AUTO_INCREMENT")
    assert store(mariadb).take(ticket(2), DAY, "").row_id is not None


def test_a_user_without_rights_is_told_so(mariadb: Database) -> None:
    migrating.create(mariadb)
    store(mariadb).take(ticket(1), DAY, "")
    name, reader = mariadb.engine.url.database, "reader@127.0.0.1"
    do(mariadb, f"CREATE OR REPLACE USER {reader}", f"GRANT SELECT ON {name}.* TO {reader}")
    url = mariadb.engine.url.set(username="reader").render_as_string()
    with closing(connect(url)) as database:
        with pytest.raises(errors.NotTaken, match="refuses: INSERT command denied to user"):
            store(database).take(ticket(2), DAY, "")
        assert store(database, record=False).take(ticket(2), DAY, "").obsnum == 2


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_commit_that_got_lost_is_found_or_made_again(
    mariadb: Database, mariadb_server: MariaDBServer, cut: str, caplog: pytest.LogCaptureFixture
) -> None:
    migrating.create(mariadb)
    store(mariadb).take(ticket(1), DAY, "")
    with wire_to(mariadb_server.port) as wire:
        numbers = store(connect(mariadb.engine.url.set(port=wire.port).render_as_string()))
        assert numbers.find(ticket(1)) is not None
        wire.cut = cut
        for _ in range(3):
            with pytest.raises(errors.Away):
                numbers.take(ticket(2), DAY, "")
        wire.cut = ""
        assert numbers.take(ticket(2), DAY, "").obsnum == 2
        numbers.database.close()
    assert [row[3] for row in rows(mariadb)] == [1, 2]
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(said) == 2
    assert said[0].endswith("Observation numbers wait for it.")
    assert said[1].endswith("gives out observation numbers again.")


def test_a_rehearsal_takes_numbers_of_a_throw_away_server_only(mariadb: Database) -> None:
    migrating.create(mariadb)
    numbers = store(mariadb, rehearses="mock.dark.")
    with pytest.raises(errors.NotThrowAway, match=r"^The namespace mock\.dark is a rehearsal's"):
        numbers.take(ticket(1), DAY, "")
    with mariadb.writing() as connection:
        connection.execute(CreateTable(THROW_AWAY))
    assert numbers.take(ticket(1), DAY, "").obsnum == 1
