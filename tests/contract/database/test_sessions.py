"""What each connection is set to, as the server says it."""

from contextlib import closing

import pytest

from infra.database import connect


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("@@tx_isolation", "READ-COMMITTED"),
        ("@@time_zone", "+00:00"),
        ("@@character_set_client", "utf8mb4"),
        ("@@innodb_flush_log_at_trx_commit", 1),
    ],
)
def test_mariadb(mariadb_url: str, variable: str, value: object) -> None:
    with closing(connect(mariadb_url)) as database, database.reading() as connection:
        assert connection.exec_driver_sql(f"SELECT {variable}").scalar_one() == value


def test_mariadb_is_strict(mariadb_url: str) -> None:
    with closing(connect(mariadb_url)) as database, database.reading() as connection:
        modes = connection.exec_driver_sql("SELECT @@sql_mode").scalar_one().split(",")
    assert {"STRICT_ALL_TABLES", "NO_BACKSLASH_ESCAPES"} <= set(modes)


def test_mariadb_is_reached_by_either_name(mariadb_url: str) -> None:
    url = mariadb_url.replace("mysql+pymysql://", "mariadb+pymysql://")
    with closing(connect(url)) as database, database.reading() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1


def test_sqlite_writes_ahead(sqlite_url: str) -> None:
    with closing(connect(sqlite_url)) as database, database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 1
