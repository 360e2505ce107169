"""MariaDB's limit on one statement: a row beyond it would look like a lost connection, for ever."""

from typing import Any

from sqlalchemy import Connection, Engine, Table, Text, event

from infra.database.errors import ChangeRefused
from projections.merging import Kind, Statement

_LIMIT = "evctl_max_allowed_packet"
_REST = 65_536
"""Bytes of a statement beside its long texts, at the most."""


def learn_limit(engine: Engine) -> None:
    """Ask each new connection for the server's limit."""

    @event.listens_for(engine, "connect")
    def _learn(connection: Any, record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT @@max_allowed_packet")
            record.info[_LIMIT] = int(cursor.fetchone()[0])


def check(connection: Connection, database: str, table: Table, statement: Statement) -> None:
    """Raise `ChangeRefused` if one of the rows is more than the server takes in a statement."""
    limit = connection.info.get(_LIMIT)
    keys, columns = table.primary_key.columns.keys(), statement.shape.columns
    names = [*columns, *keys] if statement.shape.kind is Kind.UPDATE else [*keys, *columns]
    long = [at for at, name in enumerate(names) if isinstance(table.c[name].type, Text)]
    if limit is None or not long:
        return
    for row in statement.rows:
        characters = sum(len(row[at]) for at in long)
        if characters * 8 + _REST > limit:  # at most 4 bytes each, and quotes are doubled
            size = sum(len(row[at].encode()) + row[at].count("'") for at in long) + _REST
            if size > limit:
                raise ChangeRefused(
                    database, f"{size} bytes are more than its max_allowed_packet of {limit}"
                )
