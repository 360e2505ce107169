"""The tables that views are kept in, on SQLite and MariaDB.

- `connecting`: `connect(url)`, and how both databases are set up to behave alike
- `store`: `ViewStore`, one view's rows and offsets in one namespace
- `statements`: the SQL of every kind of change; `tables`: names; `swapping`, `removing`, `digests`
- `snapshots`: a view's tables in a file, and back; `differences`: the rows in which two differ
- `formats`: the mark that says which version of evctl can read the tables
- `errors`: what can go wrong
"""

from infra.database.connecting import Database, connect
from infra.database.errors import (
    ChangeRefused,
    DatabaseAway,
    DatabaseFault,
    DatabaseFull,
    DatabaseRefused,
    SchemaMismatch,
    TablesDropped,
    TablesMissing,
    UnknownDatabase,
)
from infra.database.store import PositionRow, Snapshot, ViewStore

__all__ = [
    "ChangeRefused",
    "Database",
    "DatabaseAway",
    "DatabaseFault",
    "DatabaseFull",
    "DatabaseRefused",
    "PositionRow",
    "SchemaMismatch",
    "Snapshot",
    "TablesDropped",
    "TablesMissing",
    "UnknownDatabase",
    "ViewStore",
    "connect",
]
