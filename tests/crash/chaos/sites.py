"""The two sites of a campaign: log and database that can be killed and started again."""

import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import pymysql

from infra.broker import control
from infra.broker.storage import disk
from infra.kafka import Cluster
from infra.kafka.node import free_port
from tests.crash.chaos.schedule import Kind
from tests.database_servers import MariaDBServer, new_server
from tests.e2e.stage import Stage
from tests.kafka_servers import SOON_BACK

ALLOWED_S, OTHER_ALLOWED_S = 5.0, 3.0
_EVERYWHERE = frozenset(Kind) - {Kind.FULL, Kind.DATABASE, Kind.LOCKED, Kind.CUT}


class Site(Protocol):
    """A site; `other` is the same one under other settings of `silence`."""

    name: str
    kinds: frozenset[Kind]
    stage: Stage
    other: Stage
    log_back_s: float
    """How long after its start the log is busy with itself, and groups with finding together."""

    def kill_log(self) -> bool:
        """Kill the log as a crash would; false if it is down."""

    def start_log(self) -> None:
        """Let the log serve again; it may take a while longer."""

    def wait_for_log(self) -> None:
        """Wait until the log serves."""

    def fill_disk(self) -> bool:
        """Let the log refuse records for want of room; false if it can't be had."""

    def harm_database(self, kind: Kind) -> Callable[[], None]:
        """Take the database away; return what brings it back."""

    def close(self) -> None:
        """End all that was started."""


class EmbeddedSqlite:
    """The embedded log and SQLite."""

    name = "embedded-sqlite"
    kinds = _EVERYWHERE | {Kind.FULL, Kind.LOCKED}
    log_back_s = 2.0

    def __init__(self, folder: Path) -> None:
        # one port for whoever starts the log: an evctl that finds none does, too
        sections: dict[str, Any] = {
            "broker": {"port": free_port()},
            "database": {"url": f"sqlite:///{folder / 'site.sqlite'}"},
        }
        self.stage = Stage(folder, silence={"after": ALLOWED_S}, **sections)
        self.other = self.stage.also("other", silence={"after": OTHER_ALLOWED_S})
        self._data_dir = self.stage.settings.log.data_dir
        self.start_log()

    def kill_log(self) -> bool:
        """Kill the broker."""
        if self.stage.broker is None:
            return False
        self.stage.kill_broker()
        return True

    def start_log(self) -> None:
        """Start the broker where it was, unless a command has done so."""
        settings = self.stage.settings.broker
        control.start(
            self._data_dir, port=settings.port, free_space_floor=settings.free_space_floor
        )

    def wait_for_log(self) -> None:
        """Do nothing: the broker serves when it has started."""

    def fill_disk(self) -> bool:
        """Start the broker anew with a floor above what is free: to fill a disk takes root."""
        if not self.kill_log():
            return False
        floor = 2 * disk.free_space(self._data_dir)
        control.start(self._data_dir, port=self.stage.settings.broker.port, free_space_floor=floor)
        return True

    def harm_database(self, kind: Kind) -> Callable[[], None]:
        """Hold the file's only lock, as a program that copies or mends it does."""
        file = self.stage.settings.database.url.removeprefix("sqlite:///")
        holder = sqlite3.connect(file, timeout=1, isolation_level=None)
        with suppress(sqlite3.OperationalError):
            holder.execute("BEGIN IMMEDIATE")
        return holder.close

    def close(self) -> None:
        """Stop the broker."""
        self.stage.close()


class KafkaMariadb:
    """A node of Apache Kafka and a MariaDB, both of one's own."""

    name = "kafka-mariadb"
    kinds = _EVERYWHERE | {Kind.DATABASE, Kind.CUT}
    log_back_s = 8.0

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "servers").mkdir()
        self._kafka = Cluster(folder / "servers" / "kafka", options=SOON_BACK)
        self._mariadb = new_server(folder / "servers")
        try:
            self._kafka.start()
            _ask(self._mariadb, "CREATE DATABASE chaos")
            sections = self._sections()
            self.stage = Stage(folder / "site", silence={"after": ALLOWED_S}, **sections)
            self.other = self.stage.also("other", silence={"after": OTHER_ALLOWED_S})
        except BaseException:
            self._stop_servers()
            raise

    def _sections(self) -> Mapping[str, Any]:
        url = f"mysql+pymysql://root@127.0.0.1:{self._mariadb.port}/chaos"
        log = {"bootstrap_servers": self._kafka.bootstrap_servers}
        return MappingProxyType({"log": log, "database": {"url": url}})

    def kill_log(self) -> bool:
        """Kill the node."""
        runs = self._kafka.nodes[0].runs
        self._kafka.kill()
        return runs

    def start_log(self) -> None:
        """Start the node; it serves some seconds later."""
        if not self._kafka.nodes[0].runs:
            self._kafka.nodes[0].start(os.getpid())

    def wait_for_log(self) -> None:
        """Wait until the node serves."""
        self._kafka.wait_until_complete()

    def fill_disk(self) -> bool:
        """Do nothing: Kafka has no floor of free space."""
        return False

    def harm_database(self, kind: Kind) -> Callable[[], None]:
        """Kill the server, or cut its connections."""
        if kind is Kind.DATABASE:
            self._mariadb.kill()
            return self._mariadb.start
        for (number,) in _ask(self._mariadb, "SELECT id FROM information_schema.processlist"):
            with suppress(pymysql.err.OperationalError):  # it may be gone by now
                _ask(self._mariadb, f"KILL {number}")
        return lambda: None

    def close(self) -> None:
        """Stop the servers."""
        try:
            self.stage.close()
        finally:
            self._stop_servers()

    def _stop_servers(self) -> None:
        self._kafka.stop()
        self._mariadb.stop()


def _ask(server: MariaDBServer, statement: str) -> list[tuple[Any, ...]]:
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


SITES: Mapping[str, Callable[[Path], Site]] = MappingProxyType(
    {EmbeddedSqlite.name: EmbeddedSqlite, KafkaMariadb.name: KafkaMariadb}
)
