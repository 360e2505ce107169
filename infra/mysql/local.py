"""A MariaDB process of one's own: its directory holds all that it has, and all that finds it."""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from infra.mysql.errors import MariaDBMissing, NotStarted
from infra.mysql.server import DATABASE, USER, Server

_HOST, _FIRST = "127.0.0.1", "first.sql"
_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
_STOP_S, _POLL_S = 30.0, 0.05
_LOG_LINES = 15
_started: list[subprocess.Popen[bytes]] = []  # held, so that Python does not think them forgotten


def require() -> None:
    """Raise `MariaDBMissing` where there is no program to start."""
    for program in ("mariadbd", "mariadb-install-db"):
        _program(program)


def start(name: str, directory: Path, password: str) -> Server:
    """Start a server with an empty database; it serves some seconds later."""
    data = directory / "data"
    made = subprocess.run(
        [
            _program("mariadb-install-db"),
            "--no-defaults",
            f"--datadir={data}",
            f"--user={getpass.getuser()}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise NotStarted(f"could not make {data}", made.stdout + made.stderr)
    first = directory / _FIRST
    first.write_text(_first(password), encoding="utf-8")
    first.chmod(0o600)
    return start_again(name, directory, 0)


def start_again(name: str, directory: Path, port: int) -> Server:
    """Start a server with what its directory has, at the port that it had if that is free."""
    data, log = directory / "data", directory / "mariadb.log"
    port = _free_port(port)
    process = subprocess.Popen(
        [
            _program("mariadbd"),
            "--no-defaults",
            f"--datadir={data}",
            f"--user={getpass.getuser()}",
            "--socket=mariadb.sock",  # in the directory: a longer path would be cut
            f"--log-error={log}",
            f"--port={port}",
            f"--bind-address={_HOST}",
            f"--init-file={directory / _FIRST}",
            "--skip-name-resolve",
            "--skip-log-bin",
            "--innodb-buffer-pool-size=32M",
            "--performance-schema=OFF",
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=directory,
        start_new_session=True,  # Ctrl+C is for whoever started it
    )
    _started.append(process)
    return Server(name, directory, "local", _HOST, port)


def _first(password: str) -> str:
    """Return what the server does before it listens: root without a password is nobody's."""
    account = f"'{USER}'@'{_HOST}'"
    return "\n".join(
        (
            f"CREATE DATABASE IF NOT EXISTS {DATABASE};",
            f"CREATE USER IF NOT EXISTS {account} IDENTIFIED BY '{password}';",
            f"GRANT ALL ON {DATABASE}.* TO {account};",
            "DROP USER IF EXISTS root@localhost;",
            "",
        )
    )


def processes(directory: Path) -> Sequence[int]:
    """Return the processes that work on a server's directory."""
    told = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,stat=,command="],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    found = []
    for line in told.splitlines():
        pid, state, *command = line.split(None, 2)
        if f"--datadir={directory / 'data'} " in f"{''.join(command)} " and state[0] != "Z":
            found.append(int(pid))
    return found


def stop(directory: Path) -> None:
    """End a server, and wait for its end."""
    deadline = time.monotonic() + _STOP_S
    number = signal.SIGTERM
    while left := processes(directory):
        for pid in left:
            _signal(pid, number)
        while processes(directory) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        number = signal.SIGKILL
    for process in _started:
        process.poll()


def last_words(directory: Path) -> str:
    """Return the end of what a server has written."""
    log = directory / "mariadb.log"
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join(lines[-_LOG_LINES:])


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:  # it has ended meanwhile
        return


def _program(name: str) -> str:
    found = shutil.which(name, path=_PATH)
    if found is None:
        raise MariaDBMissing(name)
    return found


def _free_port(wanted: int) -> int:
    """Return a port that nobody listens at, the wanted one if it can be."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_HOST, wanted))
        except OSError:
            listener.bind((_HOST, 0))
        return int(listener.getsockname()[1])
