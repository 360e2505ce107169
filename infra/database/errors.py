"""What can go wrong with the database, each as one sentence."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from sqlalchemy.exc import DBAPIError

from schemas.errors import EvctlError


class DatabaseFault(EvctlError):
    """The database, not a record, is why something was not done."""

    exit_code = 69  # EX_UNAVAILABLE of sysexits.h


class DatabaseAway(DatabaseFault):
    """It can't be reached, or did not answer in time; what was under way may or may not be done."""

    def __init__(self, database: str, reason: str) -> None:
        super().__init__(
            f"The database {database} does not answer: {reason}; "
            "nothing is lost, go on when it is back."
        )


class DatabaseFull(DatabaseFault):
    """Its disk or table space has no room."""

    exit_code = 74  # EX_IOERR

    def __init__(self, database: str, reason: str) -> None:
        super().__init__(f"The database {database} is full: {reason}; make room on its disk.")


class DatabaseRefused(DatabaseFault):
    """It is there and says no: rights, a file that is no database, a server that is read-only."""

    exit_code = 77  # EX_NOPERM

    def __init__(self, database: str, reason: str) -> None:
        super().__init__(
            f"The database {database} refuses: {reason}; see database.url in the settings."
        )


class TablesMissing(DatabaseFault):
    """The tables were not made yet, or other ones are there."""

    exit_code = 66  # EX_NOINPUT

    def __init__(self, database: str, reason: str) -> None:
        super().__init__(
            f"The database {database} lacks a view's table: {reason}; "
            "evctl run projections makes it, evctl rebuild one that was dropped."
        )


class UnknownDatabase(DatabaseFault):
    """The URL names a database that views can't be kept in."""

    exit_code = 78  # EX_CONFIG

    def __init__(self, url: str) -> None:
        super().__init__(
            f"{url!r} is no database that tables can be kept in: write sqlite:///FILE "
            "or mysql+pymysql://USER@HOST[:PORT]/NAME in database.url."
        )


class SchemaMismatch(EvctlError):
    """The tables of a view are not those that this program would make."""

    exit_code = 78

    def __init__(self, database: str, table: str, view: str, difference: str) -> None:
        super().__init__(
            f"The table {table} in {database} is not as this version of {view} makes it: "
            f"{difference}; evctl rebuild {view} makes it anew from the log."
        )
        self.table, self.view = table, view


class TablesDropped(EvctlError):
    """Some tables of a view are gone, and the others say what was in them."""

    exit_code = 78

    def __init__(self, database: str, tables: Sequence[str], view: str) -> None:
        super().__init__(
            f"Of the tables of {view} in {database} {', '.join(tables)} is missing, and the others "
            f"are not empty: it was dropped. evctl rebuild {view} makes them anew from the log."
        )
        self.tables, self.view = tables, view


class ChangeRefused(EvctlError):
    """The database takes none of these changes because of what is in one: a fault of a record."""

    exit_code = 65  # EX_DATAERR

    def __init__(self, database: str, reason: str) -> None:
        super().__init__(f"The database {database} does not take a row: {reason}.")


_Kind: TypeAlias = type[
    DatabaseAway | DatabaseFull | DatabaseRefused | TablesMissing | ChangeRefused
]

_BY_MARIADB_CODE: dict[int, _Kind] = {
    **dict.fromkeys((0, 1040, 1053, 1158, 1159, 1160, 1161, 1203, 1205, 1213, 1317), DatabaseAway),
    **dict.fromkeys((1927, 1969, 2002, 2003, 2006, 2013, 2055, 4031), DatabaseAway),
    **dict.fromkeys((1021, 1114), DatabaseFull),
    **dict.fromkeys((1054, 1146), TablesMissing),
    **dict.fromkeys((1048, 1062, 1153, 1264, 1265, 1292, 1364, 1366, 1406, 3140), ChangeRefused),
    **dict.fromkeys((1118, 1241, 1300, 1690, 4025), ChangeRefused),
}
_BY_SQLITE_NAME: dict[str, _Kind] = {
    "SQLITE_BUSY": DatabaseAway,
    "SQLITE_LOCKED": DatabaseAway,
    "SQLITE_PROTOCOL": DatabaseAway,
    "SQLITE_FULL": DatabaseFull,
    "SQLITE_CONSTRAINT": ChangeRefused,
    "SQLITE_TOOBIG": ChangeRefused,
    "SQLITE_MISMATCH": ChangeRefused,
}


@contextmanager
def translated(database: str) -> Iterator[None]:
    """Turn the driver's errors into ours; `database` is its URL without the password."""
    try:
        yield
    except DBAPIError as fault:
        kind = _kind(fault)
        if kind is None:
            raise
        raise kind(database, _reason(fault)) from fault
    except (OverflowError, UnicodeEncodeError) as fault:  # sqlite3, binding a value
        raise ChangeRefused(database, str(fault)) from fault


def _kind(fault: DBAPIError) -> _Kind | None:
    """Return our type for an error, None if it is no error of the database but of this program."""
    cause = fault.orig
    if cause is None or fault.connection_invalidated:
        return DatabaseAway
    text = str(cause)
    if text.startswith(("no such table", "no such column")):
        return TablesMissing
    if text.startswith("Error binding parameter"):  # sqlite3, of a type that it does not know
        return ChangeRefused
    if any(word in text for word in ("No space left", "Errcode: 28", "error 28")):
        return DatabaseFull
    name, code = getattr(cause, "sqlite_errorname", None), cause.args[0] if cause.args else None
    if name is not None:
        base = "_".join(name.split("_")[:2])  # SQLITE_BUSY of SQLITE_BUSY_SNAPSHOT
        return _BY_SQLITE_NAME.get(base, DatabaseRefused)
    return _BY_MARIADB_CODE.get(code, DatabaseRefused) if isinstance(code, int) else None


def _reason(fault: DBAPIError) -> str:
    parts = fault.orig.args if fault.orig is not None else ()
    return str(parts[-1] if parts else fault.orig).strip().rstrip(".") or "the connection is lost"
