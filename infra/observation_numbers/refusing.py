"""What the database says no to, as a sentence that names the settings of observation numbers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import DBAPIError

from infra.database import ChangeRefused, DatabaseFull, DatabaseRefused, TablesMissing
from infra.observation_numbers import errors
from infra.observation_numbers.tables import OBSNUM

_DUPLICATE = 1062
_NO_MORE_IDS = {167, 1467}
"""MariaDB's and MySQL's codes where auto_increment finds no higher number."""


@contextmanager
def refusing(database: str) -> Iterator[None]:
    """Raise `NumbersFault`, or `Contended`, where the database of this name says no."""
    try:
        yield
    except TablesMissing as fault:
        raise errors.TableMissing(database, OBSNUM) from fault
    except (ChangeRefused, DatabaseRefused, DatabaseFull) as fault:
        code, reason = _said(fault)
        if code in _NO_MORE_IDS or (code == _DUPLICATE and "PRIMARY" in reason):
            raise errors.IdExhausted(database, OBSNUM) from fault
        if code == _DUPLICATE:
            raise errors.Contended(database, reason) from fault
        raise errors.NotTaken(database, reason) from fault


def _said(fault: Exception) -> tuple[Any, str]:
    """Return the driver's code and text of a fault."""
    cause = fault.__cause__
    parts = cause.orig.args if isinstance(cause, DBAPIError) and cause.orig is not None else ()
    return (parts[0] if parts else None), str(parts[-1] if parts else fault)
