"""The mark that says which format of tables a database has, so that an older program refuses it.

It is a table of one row. A database without it is of format 1, made before there were marks.
"""

from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Table,
    event,
    inspect,
    select,
)
from sqlalchemy.schema import CreateTable

from schemas.errors import EvctlError

FORMAT = 1
"""The format of this program: names and columns of the tables that are beside a view's own."""

MARK = Table(
    "evctl_format",
    MetaData(),
    Column("one", Integer, primary_key=True, autoincrement=False, comment="always 1"),
    Column("version", Integer, nullable=False, comment="format of the tables in this database"),
)


class FormatTooNew(EvctlError):
    """A later version of evctl made these tables."""

    exit_code = 78

    def __init__(self, database: str, found: int) -> None:
        super().__init__(
            f"The database {database} has tables of format {found}, and this evctl knows up to "
            f"{FORMAT}: use the version that made them, or a later one."
        )
        self.database, self.found = database, found


def refuse_newer(engine: Engine, name: str) -> None:
    """Let no connection be used to a database of a newer format: `FormatTooNew`."""

    @event.listens_for(engine, "connect")
    def _look(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        try:
            cursor.execute("SELECT version FROM evctl_format")
            row = cursor.fetchone()
        except engine.dialect.dbapi.Error:  # type: ignore[union-attr]  # it has one
            row = None  # no mark, or no right to look: the first statement tells
        finally:
            cursor.close()
            connection.rollback()  # it opened a view of the data that would grow old
        if row is not None and row[0] > FORMAT:
            raise FormatTooNew(name, row[0])


def found(connection: Connection) -> int | None:
    """Return the format that a database is marked with, None where there is no mark."""
    if not inspect(connection).has_table(MARK.name):
        return None
    return connection.execute(select(MARK.c.version)).scalar()


def mark(connection: Connection) -> None:
    """Mark a database that has no mark, in the connection's transaction."""
    connection.execute(CreateTable(MARK, if_not_exists=True))
    if connection.execute(select(MARK.c.version)).first() is None:
        ignore = "IGNORE" if connection.dialect.name == "mysql" else "OR IGNORE"
        connection.execute(MARK.insert().prefix_with(ignore).values(one=1, version=FORMAT))
