"""Whether log, schema registry and database answer, for `evctl doctor`; none is started or made."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from confluent_kafka import KafkaException
from sqlalchemy import URL, Connection, create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from infra.cli.checkup import Finding, Verdict, ok
from infra.log.cluster import EMBEDDED, connect, registry_address
from infra.log.errors import LogUnavailable
from infra.log.schemas_rest import RestSchemas
from infra.observation_numbers import looked_at
from infra.settings import SecretMissing, Settings
from schemas.errors import EvctlError

ANSWER_WITHIN_S = 3
_CLIENT_MEND = "Check the options of log.client."


def log(settings: Settings) -> Finding:
    """Ask the log for its topics; an embedded one that is not running is fine."""
    embedded = settings.log.bootstrap_servers == EMBEDDED
    try:
        cluster = connect(settings, start=False)
        admin = cluster.admin()
        answer = cluster.ask(lambda: admin.list_topics(timeout=ANSWER_WITHIN_S))
    except LogUnavailable as error:
        if embedded and error.servers == str(settings.log.data_dir):
            return ok("log", "embedded, not running; a command that needs it starts it")
        return Finding(Verdict.FAIL, "log", str(error), "Check log.bootstrap_servers.")
    except KafkaException as error:
        return Finding(Verdict.FAIL, "log", error.args[0].str(), _CLIENT_MEND)
    except EvctlError as error:
        return Finding(Verdict.FAIL, "log", str(error), _CLIENT_MEND)
    prefix = settings.log.namespace
    ours = sum(name.startswith(prefix) for name in answer.topics)
    where = f"with prefix {prefix}" if prefix else "in all"
    return ok(
        "log", f"{cluster.servers} answers; brokers: {len(answer.brokers)}, topics {where}: {ours}"
    )


def registry(settings: Settings) -> Iterator[Finding]:
    """Ask the external schema registry for a sign of life, if there is one."""
    url = settings.log.schema_registry
    if url is None:
        return
    try:
        address = registry_address(settings)
        if address is not None:
            RestSchemas(address).open()
    except EvctlError as error:
        mend = "Check log.schema_registry and the options beside it."
        yield Finding(Verdict.FAIL, "schema registry", str(error), mend)
    else:
        yield ok("schema registry", f"{url} answers")


def numbers(settings: Settings) -> Iterator[Finding]:
    """Look whether observation numbers can be taken, where a server has them."""
    if settings.mysql.host is None:
        return
    try:
        yield ok("observation numbers", looked_at(settings))
    except EvctlError as error:
        mend = "Mend that, or leave mysql.host empty, then run doctor again."
        yield Finding(Verdict.FAIL, "observation numbers", str(error), mend)


def database(settings: Settings) -> Iterator[Finding]:
    """Connect to the database and ask what it is."""
    url = make_url(settings.database.url)
    if url.get_backend_name() == "sqlite":
        yield _sqlite(Path(url.database or ""))
        return
    try:
        if settings.database.password is not None:
            url = url.set(password=settings.database.password.reveal())
        yield from _server(url)
    except SecretMissing as error:
        yield Finding(Verdict.FAIL, "database", str(error), "Then run doctor again.")
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error)
        shown = url.render_as_string(hide_password=True)
        mend = "Start it, or mend database.url and database.password."
        yield Finding(Verdict.FAIL, "database", f"{shown} does not answer: {reason}", mend)


def _sqlite(file: Path) -> Finding:
    version = f"SQLite {sqlite3.sqlite_version}"
    if not file.exists():
        there = next(parent for parent in file.parents if parent.exists())
        if os.access(there, os.W_OK | os.X_OK):
            return ok("database", f"{version}; {file} will be made when first needed")
        mend = "Give it to this user, or set database.url to another place."
        return Finding(Verdict.FAIL, "database", f"{there} can't be written to", mend)
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
            (tables,) = connection.execute(
                "SELECT count(*) FROM sqlite_master WHERE type = 'table'"
            ).fetchone()
    except sqlite3.Error as error:
        mend = "Set database.url to a SQLite file, or move this one away and run `evctl rebuild`."
        return Finding(Verdict.FAIL, "database", f"{file} can't be read: {error}", mend)
    return ok("database", f"{version}; {file}, tables: {tables}")


def _server(url: URL) -> Iterator[Finding]:
    engine = create_engine(url, connect_args={"connect_timeout": ANSWER_WITHIN_S})
    try:
        with engine.connect() as connection:
            version = connection.scalar(text("SELECT VERSION()"))
            yield ok("database", f"{url.render_as_string(hide_password=True)}: {version}")
            yield from _server_modes(connection)
    finally:
        engine.dispose()


def _server_modes(connection: Connection) -> Iterator[Finding]:
    """Name defaults of the server that others who use the tables would stumble over."""
    charset = connection.scalar(text("SELECT @@character_set_database"))
    if charset == "utf8mb4":
        yield ok("database", "character set utf8mb4")
    else:
        mend = "ALTER DATABASE … CHARACTER SET utf8mb4, else other programs' tables lose letters."
        yield Finding(Verdict.WARN, "database", f"character set {charset}", mend)
    mode = str(connection.scalar(text("SELECT @@GLOBAL.sql_mode")))
    if "STRICT_TRANS_TABLES" in mode or "STRICT_ALL_TABLES" in mode:
        yield ok("database", "strict mode")
    else:
        mend = "Add STRICT_TRANS_TABLES to sql_mode, else others' values are cut silently."
        yield Finding(Verdict.WARN, "database", "not in strict mode (evctl's sessions are)", mend)
