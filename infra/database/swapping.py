"""A view that was built beside the one that serves, put in its place."""

from sqlalchemy import Connection, func, inspect, select, update
from sqlalchemy.schema import DropTable

from infra.database.connecting import Database
from infra.database.tables import ViewTables


def swap(database: Database, live: ViewTables, built: ViewTables, old: ViewTables) -> None:
    """Rename `built` to `live` and `live` to `old`, all at once, and drop `old`.

    Epochs rise above those of before, so that a reader that held the tables before writes nothing
    into these. What was cut short can be done again.
    """
    with database.writing() as connection:
        drop(connection, old)
        there = inspect(connection)
        retired = [
            (before.name, after.name)
            for before, after in zip(live.all, old.all, strict=True)
            if there.has_table(before.name)
        ]
        if there.has_table(live.position.name):
            _raise_epochs(connection, built, live)
        placed = zip(built.all, live.all, strict=True)
        _rename(connection, [*retired, *((before.name, after.name) for before, after in placed)])
        drop(connection, old)


def drop(connection: Connection, tables: ViewTables) -> None:
    """Take tables away, if they are there."""
    for table in tables.all:
        connection.execute(DropTable(table, if_exists=True))


def _raise_epochs(connection: Connection, built: ViewTables, live: ViewTables) -> None:
    highest = select(func.coalesce(func.max(live.position.c.epoch), 0)).scalar_subquery()
    raised = built.position.c.epoch + highest
    connection.execute(update(built.position).values(epoch=raised))


def _rename(connection: Connection, names: list[tuple[str, str]]) -> None:
    quote = connection.dialect.identifier_preparer.quote
    if connection.dialect.name == "sqlite":  # statements of one transaction
        for before, after in names:
            connection.exec_driver_sql(f"ALTER TABLE {quote(before)} RENAME TO {quote(after)}")
    else:  # MariaDB renames all that one statement names, or none
        pairs = ", ".join(f"{quote(before)} TO {quote(after)}" for before, after in names)
        connection.exec_driver_sql(f"RENAME TABLE {pairs}")
