"""Whether the tables that are there are those of the settings, for `evctl doctor`."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import create_engine, make_url
from sqlalchemy.pool import NullPool

from infra.cli.checkup import Finding, Verdict, ok
from infra.database import Database, DatabaseFault, ViewStore
from infra.indexing import nights_of, open_database
from infra.settings import Settings
from projections import View, views

_BACK = "Put site.night_boundary_hour and site.night_named_by back, which are locked, or run"


def tables(settings: Settings) -> Iterator[Finding]:
    """Compare what the views' rows were made under with the settings; nothing is changed."""
    database = _opened(settings)
    if database is None:
        return
    known, namespace = views(nights_of(settings)).values(), settings.log.namespace
    try:
        there = [s for view in known if (s := ViewStore(database, view, namespace)).exists()]
        others = [store.view for store in there if _is_other(store)]
    except DatabaseFault as fault:
        yield Finding(Verdict.FAIL, "tables", str(fault), "Mend that, then run doctor again.")
        return
    finally:
        database.close()
    if others:
        yield _made_otherwise(others)
    elif there:
        yield ok("tables", f"views with rows of these settings: {len(there)}")


def _opened(settings: Settings) -> Database | None:
    """Return the database; a SQLite file is opened to read only, and not made."""
    url = make_url(settings.database.url)
    if url.get_backend_name() != "sqlite":
        return open_database(settings)
    file = Path(url.database or "")
    if not file.exists():
        return None
    address = f"{file.as_uri()}?mode=ro"
    creator = lambda: sqlite3.connect(address, uri=True)  # noqa: E731 it has no better name
    return Database(create_engine("sqlite://", creator=creator, poolclass=NullPool))


def _is_other(store: ViewStore) -> bool:
    made = {row.definition for row in store.positions().values()}
    return bool(made - {store.view.definition})


def _made_otherwise(others: list[View]) -> Finding:
    names = " ".join(view.name for view in others)
    text = f"the rows of {names} were made under other settings or by another version"
    return Finding(Verdict.FAIL, "tables", text, f"{_BACK} `evctl rebuild {names}`.")
