"""Connections to SQLite and MariaDB, set up so that both behave alike.

SQLite writes ahead (WAL) with `synchronous=NORMAL`: a power cut may take the last transactions,
but each took its rows together with its offset, so the reader finds the older offset and the log
fills in the rest (a service's epoch, too); what was lost had no other reader, since the file is on
one machine. MariaDB keeps its own default, a flush for each commit.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from infra.database.errors import UnknownDatabase, translated
from infra.database.formats import refuse_newer
from infra.database.packets import learn_limit

BUSY_TIMEOUT_S = 30
"""How long SQLite waits for another writer; MariaDB for a lock on a table."""

ANSWER_TIMEOUT_S = 120
"""How long MariaDB may take over one statement's first rows before it counts as away."""

STALL_TIMEOUT_S = 10
"""How long MariaDB lets a writer hold its locks and say nothing: a stopped process must not keep
the one that takes over from writing. MySQL has no such limit."""

_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA cache_size=-65536",  # KiB: the leaves that a night's rows go to stay in memory
    "PRAGMA wal_autocheckpoint=8192",  # pages: one checkpoint for many batches
)
_UNSHARED_PRAGMAS = (
    "PRAGMA journal_mode=MEMORY",  # a batch that is rolled back
    "PRAGMA synchronous=OFF",
    "PRAGMA cache_size=-65536",
)
_MARIADB_SESSION = (
    "SET SESSION time_zone='+00:00', "
    "sql_mode='STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_BACKSLASH_ESCAPES,"
    "NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO', "
    f"innodb_lock_wait_timeout={BUSY_TIMEOUT_S}, lock_wait_timeout={BUSY_TIMEOUT_S}"
    f"/*M! , idle_write_transaction_timeout={STALL_TIMEOUT_S} */"  # a comment to MySQL
)
_WRITING = {"evctl_writing": True}
_AGAIN_S = 0.01


class Database:
    """Where tables are kept: a pool of connections, opened when first needed.

    Each method raises `DatabaseAway`, `DatabaseFull`, `DatabaseRefused` or `ChangeRefused`; the
    first, `FormatTooNew` where a later evctl made the tables.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.name = engine.url.render_as_string(hide_password=True)
        """The URL, without the password."""
        refuse_newer(engine, self.name)
        self._writing = engine.execution_options(**_WRITING)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection on which nothing is written; see `at_one_moment`."""
        with translated(self.name), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def at_one_moment(self) -> Iterator[Connection]:
        """Give a connection that reads everything as it was at its first query."""
        with translated(self.name), self.engine.connect() as connection:
            if connection.dialect.name != "sqlite":  # which has no other way
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection in a transaction: committed at the end, rolled back by an error.

        `DatabaseAway` may come from the commit: then only the database knows if it was done.
        """
        with translated(self.name), self._writing.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close every connection; the next use opens new ones."""
        self.engine.dispose()


def connect(url: str, password: str | None = None, *, unshared: bool = False) -> Database:
    """Return the database of a URL, without touching it yet; raise `UnknownDatabase`.

    `sqlite:///FILE`, or `mysql+pymysql://USER@HOST[:PORT]/NAME` for MariaDB and MySQL. A SQLite
    file that is `unshared` is of no use after a crash, and open to one process.
    """
    try:
        parsed = make_url(url)
        family = parsed.get_backend_name()
    except ArgumentError:
        raise UnknownDatabase(url) from None
    if family == "sqlite":
        return Database(_sqlite(parsed, _UNSHARED_PRAGMAS if unshared else _SQLITE_PRAGMAS))
    if family in {"mysql", "mariadb"}:
        named = parsed.set(drivername="mysql+pymysql")
        return Database(_mariadb(named if password is None else named.set(password=password)))
    raise UnknownDatabase(parsed.render_as_string(hide_password=True))


def _sqlite(url: URL, pragmas: Sequence[str]) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        for pragma in pragmas:
            _set(connection, pragma)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer takes the lock at once: one that reads first may find that it can't any more.
        writes = connection.get_execution_options().get("evctl_writing")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _set(connection: sqlite3.Connection, pragma: str) -> None:
    """Carry a pragma out, in turn with others who open a file that is new.

    SQLite itself waits for a lock, but not where two give the file its journal at the same moment.
    """
    deadline = monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute(pragma).close()
        except sqlite3.OperationalError as fault:
            busy = fault.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY  # of any kind
            if not busy or monotonic() > deadline:
                raise
            sleep(_AGAIN_S)
        else:
            return


def _mariadb(url: URL) -> Engine:
    engine = create_engine(
        url,
        isolation_level="READ COMMITTED",
        paramstyle="format",  # rows are tuples; see `statements`
        pool_pre_ping=True,
        connect_args={
            "charset": "utf8mb4",
            "init_command": _MARIADB_SESSION,
            "connect_timeout": 10,
            "read_timeout": ANSWER_TIMEOUT_S,
            "write_timeout": ANSWER_TIMEOUT_S,
        },
    )
    learn_limit(engine)
    return engine
