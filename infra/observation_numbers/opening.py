"""The database of observation numbers that a site's settings name."""

from sqlalchemy import URL

from infra.database import Database, connect
from infra.namespaces import is_rehearsed
from infra.observation_numbers.errors import NotConfigured
from infra.observation_numbers.store import NumberStore
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


def open_numbers(settings: Settings) -> Database:
    """Return the database, MySQL or a SQLite file beside the log; raise `NotConfigured`."""
    mysql = settings.mysql
    if mysql.host is None:
        rehearsed = is_rehearsed(settings.log.namespace)
        name = f"observation-numbers{f'.{settings.log.namespace}' if rehearsed else '.'}sqlite"
        return connect(f"sqlite:///{settings.log.data_dir.parent / name}")
    for option in ("database", "user"):
        if getattr(mysql, option) is None:
            raise NotConfigured(f"mysql.{option}")
    url = URL.create(
        "mysql+pymysql", mysql.user, None, mysql.host, mysql.port, mysql.database
    ).render_as_string(hide_password=False)
    return connect(url, None if mysql.password is None else mysql.password.reveal())
