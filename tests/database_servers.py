"""Databases for tests: SQLite files, and a MariaDB server that belongs to the test run.

The server has a directory of its own in the run's temporary folder, a socket and a free port on
127.0.0.1; each worker of pytest-xdist starts one when a test first asks for it, and stops it.
"""

import getpass
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pymysql
import pytest

from infra.kafka.node import free_port

START_TIMEOUT_S = 120
_POLL_S = 0.02
_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
_numbers = count(1)


class MariaDBServer:
    """A server's process, its directory and where it listens; it may be killed and started anew."""

    def __init__(self, directory: Path, flush_at_commit: int = 1) -> None:
        self.data = directory / "data"
        self.log = directory / "mariadb.log"
        self.port = free_port()
        self._socket = directory / "s"
        self._flush_at_commit = flush_at_commit
        self._process: subprocess.Popen[bytes] | None = None

    def initialize(self) -> None:
        """Make the system tables; the only account is root, without a password."""
        command = [
            _program("mariadb-install-db"),
            "--no-defaults",
            f"--datadir={self.data}",
            f"--user={getpass.getuser()}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
            "--innodb-log-file-size=8M",
        ]
        subprocess.run(command, check=True, capture_output=True)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        command = [
            _program("mariadbd"),
            "--no-defaults",
            f"--datadir={self.data}",
            f"--user={getpass.getuser()}",
            f"--socket={self._socket}",
            f"--log-error={self.log}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--skip-log-bin",
            "--innodb-buffer-pool-size=64M",
            "--innodb-log-file-size=64M",
            f"--innodb-flush-log-at-trx-commit={self._flush_at_commit}",
        ]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"MariaDB did not start:\n{self.log.read_text(errors='replace')}")
            time.sleep(_POLL_S)

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except pymysql.err.OperationalError:
            return False
        return True

    def connect(self) -> "pymysql.Connection[pymysql.cursors.Cursor]":
        """Return a connection of root to no database."""
        return pymysql.connect(host="127.0.0.1", port=self.port, user="root", autocommit=True)

    def kill(self) -> None:
        """End the server as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End the server as its operator would."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(START_TIMEOUT_S)

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make an empty database, give its URL, and drop it at the end."""
        name = f"test_{next(_numbers)}"
        self._ask(f"CREATE DATABASE {name}")
        try:
            yield f"mysql+pymysql://root@127.0.0.1:{self.port}/{name}"
        finally:
            if self._answers():
                self._ask(f"DROP DATABASE {name}")

    def _ask(self, statement: str) -> None:
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(statement)


def _program(name: str) -> str:
    found = shutil.which(name, path=_PATH)
    if found is None:
        pytest.skip(f"needs mariadb: {name} is not installed (Debian: apt install mariadb-server)")
    return found


def new_server(directory: Path, flush_at_commit: int = 1) -> MariaDBServer:
    """Return a running server of one's own, to be stopped by the one who asked."""
    server = MariaDBServer(directory, flush_at_commit)
    server.initialize()
    server.start()
    return server


@pytest.fixture(scope="session")
def mariadb_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDBServer]:
    """A running MariaDB that the tests of this worker share."""
    server = new_server(tmp_path_factory.mktemp("mariadb"))
    yield server
    server.stop()


@pytest.fixture
def mariadb_url(mariadb_server: MariaDBServer) -> Iterator[str]:
    """The URL of an empty database on MariaDB."""
    with mariadb_server.database() as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of a SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path / 'test.sqlite'}"


@pytest.fixture(params=["sqlite", "mariadb"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, on each kind in turn."""
    return str(request.getfixturevalue(f"{request.param}_url"))
