"""The digest of a view's rows: equal on every database, and however the rows came about."""

from hashlib import blake2b

import orjson
from sqlalchemy import BigInteger, Connection, Select, Table, cast, func, select

from infra.database.tables import ViewTables
from projections import Digest, View

ROWS_AT_ONCE = 5000


def digest(connection: Connection, view: View, tables: ViewTables, night: str | None) -> str:
    """Return the BLAKE2b digest, hexadecimal, of the rows of a night (None: of all rows).

    Each row is a line of JSON, bytes as hexadecimal digits, in the order of the key. Rows of
    the log have no night: asking for one counts them all.
    """
    whole = blake2b(digest_size=32)
    by_table = {how.table: how for how in view.digests}
    streaming = connection.execution_options(yield_per=ROWS_AT_ONCE)
    for template, table in tables.data.items():
        query = _selected(table, by_table.get(template.name))
        if night is not None and view.of_night is not None:
            query = query.where(view.of_night.rows(table, night))
        whole.update(f"{template.name}\n".encode())
        for rows in streaming.execute(query).partitions():
            for row in rows:
                whole.update(orjson.dumps(tuple(row), _hexadecimal, orjson.OPT_APPEND_NEWLINE))
    return whole.hexdigest()


def _selected(table: Table, how: Digest | None) -> Select[tuple[object, ...]]:
    if how is None:
        return select(table).order_by(*table.primary_key.columns)
    groups = [table.c[name] for name in how.groups]
    # A sum is DECIMAL on MariaDB.
    sums = [cast(func.sum(table.c[name]), BigInteger) for name in how.sums]
    return select(*groups, *sums).group_by(*groups).order_by(*groups)


def _hexadecimal(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"a digest has no form for {type(value).__name__}")
