"""One writer at a time: a named lock on MySQL and MariaDB, the file's own on SQLite.

The lock makes writers of ours wait before they touch a table, so that none fails and burns an id.
Writers that do not know it (OCD's) are held off by the rows: see `store`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from infra.database import Database
from infra.database.errors import translated
from infra.observation_numbers.errors import LockHeld, NoLock
from infra.observation_numbers.tables import OBSNUM

WAIT_S = 10
"""How long to wait for another writer, s: fifty of them take less than one."""

_NAME_AT_MOST = 64
"""Characters of a lock's name."""

_WITH_GAPS = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"
"""So that rows that are locked are locked with the gaps between them."""


@contextmanager
def alone(database: Database, wait_s: float = WAIT_S) -> Iterator[Connection]:
    """Give a connection in a transaction that no other writer has: committed at the end.

    Raises `LockHeld` or `NoLock`, and what `Database.writing` raises.
    """
    if database.engine.dialect.name == "sqlite":
        with database.writing() as connection:
            yield connection
        return
    with translated(database.name), database.engine.connect() as connection:
        if not connection.info.get(_WITH_GAPS):
            connection.exec_driver_sql(_WITH_GAPS)
            connection.info[_WITH_GAPS] = True
        with _locked(connection, database, wait_s):
            yield connection
            connection.commit()


@contextmanager
def _locked(connection: Connection, database: Database, wait_s: float) -> Iterator[None]:
    name = f"{database.engine.url.database}.{OBSNUM}"[-_NAME_AT_MOST:]
    got = connection.exec_driver_sql("SELECT GET_LOCK(%s, %s)", (name, wait_s)).scalar()
    if got is None:
        raise NoLock(database.name, name)
    if not got:
        holder = connection.exec_driver_sql("SELECT IS_USED_LOCK(%s)", (name,)).scalar()
        raise LockHeld(database.name, name, holder, wait_s)
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    finally:
        if not connection.invalidated:  # else the server has let go of the lock
            connection.exec_driver_sql("SELECT RELEASE_LOCK(%s)", (name,))
