"""The tables of a namespace that is given up: found by what their names begin with, and dropped."""

from collections.abc import Sequence

from sqlalchemy import MetaData, Table, inspect
from sqlalchemy.schema import DropTable

from infra.database.connecting import Database
from infra.database.tables import prefix


def tables_in(database: Database, namespace: str) -> Sequence[str]:
    """Return the names of a namespace's tables; of the site's own, which has no prefix, none."""
    start = prefix(namespace)
    if not start:
        return []
    with database.reading() as connection:
        names = inspect(connection).get_table_names()
    return sorted(name for name in names if name.startswith(start))


def drop(database: Database, names: Sequence[str]) -> None:
    """Take tables away, if they are there."""
    with database.writing() as connection:
        for name in names:
            connection.execute(DropTable(Table(name, MetaData()), if_exists=True))
