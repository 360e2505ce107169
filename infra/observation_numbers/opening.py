"""The database of observation numbers that a site's settings name."""

from contextlib import suppress
from typing import Any

from sqlalchemy import URL, event

from infra.database import Database, connect
from infra.namespaces import is_rehearsed
from infra.observation_numbers.errors import NotConfigured
from infra.observation_numbers.migrating import unique_key
from infra.observation_numbers.refusing import refusing
from infra.observation_numbers.store import NumberStore
from infra.observation_numbers.structure import limits_on
from infra.observation_numbers.tables import OBSNUM
from infra.settings import Settings

_WRITER = "observation_numbers"


def numbers(settings: Settings) -> NumberStore:
    """Return where a site's worker takes numbers; nothing is touched yet."""
    namespace = settings.log.namespace
    return NumberStore(
        open_numbers(settings),
        f"{namespace}{_WRITER}",
        settings.mysql.instrument,
        record=settings.mysql.update_obsnum,
        rehearses=namespace if is_rehearsed(namespace) else "",
    )


def throw_away(settings: Settings, url: str) -> NumberStore:
    """Return where a rehearsal takes numbers: one that may hold those of true nights gives none."""
    namespace, instrument = settings.log.namespace, settings.mysql.instrument
    return NumberStore(connect(url), f"{namespace}{_WRITER}", instrument, rehearses=namespace)


def looked_at(settings: Settings) -> str:
    """Say where a site's numbers are; raise what hinders to take them. Nothing is changed."""
    database = open_numbers(settings)
    try:
        with refusing(database.name), database.reading() as connection:
            limits_on(connection, database.name)
            key = unique_key(connection)
    finally:
        database.close()
    return f"{database.name}: {OBSNUM} {'with' if key else 'without'} a unique key"


def open_numbers(settings: Settings) -> Database:
    """Return the database, MySQL or a SQLite file beside the log; raise `NotConfigured`."""
    mysql = settings.mysql
    if mysql.host is None:
        return _beside_log(settings)
    for option in ("database", "user"):
        if getattr(mysql, option) is None:
            raise NotConfigured(f"mysql.{option}")
    url = URL.create(
        "mysql+pymysql", mysql.user, None, mysql.host, mysql.port, mysql.database
    ).render_as_string(hide_password=False)
    return connect(url, None if mysql.password is None else mysql.password.reveal())


def _beside_log(settings: Settings) -> Database:
    rehearsed = is_rehearsed(settings.log.namespace)
    name = f"observation-numbers.{settings.log.namespace if rehearsed else ''}sqlite"
    folder = settings.log.data_dir.parent
    with suppress(OSError):  # SQLite says then that it can't open the file
        folder.mkdir(parents=True, exist_ok=True)
    database = connect(f"sqlite:///{folder / name}")

    @event.listens_for(database.engine, "connect")
    def _sync_each_commit(connection: Any, _: Any) -> None:
        """Let no power cut take a number back that the log has: no other table is made from it."""
        connection.execute("PRAGMA synchronous=FULL").close()

    return database
