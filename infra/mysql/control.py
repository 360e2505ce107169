"""Start, find and end a throw-away server: a container where there is an engine, else a process."""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path

from infra.mysql import container, furnishing, local
from infra.mysql.errors import DockerMissing, EngineAway, NoPlace, NotOurs, NotStarted
from infra.mysql.server import PASSWORD_FILE, Server
from infra.settings import Settings


def directory_of(settings: Settings, name: str) -> Path:
    """Return the directory of a throw-away server of a site."""
    return settings.log.data_dir.parent / f"throw-away-{name}"


class Came(StrEnum):
    """How it comes that a server serves."""

    RUNS = "runs already"
    STARTED = "started"
    AGAIN = "started again, with what it had"
    MOVED = "started again, with what it had, at another port"
    ANEW = "started anew, since nothing is left of what the one before had"


def up(name: str, directory: Path, docker: bool | None = None) -> tuple[Server, Came]:
    """Return a server that serves, and how that came.

    One that ended without `down` is started again with what it had. `docker` says whether a new one
    is to be a container; None: if there is an engine. Whatever hinders the start of a new one,
    nothing of it is left.
    """
    with _alone(directory):
        found = find(name, directory)
        if found is not None:
            return _served(found), Came.RUNS  # whoever started it may have been killed before
        before = Server.read(name, directory)
        again = None if before is None else _start_again(before)
        if before is not None and again is not None:
            return again, Came.AGAIN if again.port == before.port else Came.MOVED
        _remove(name, directory)
        in_container = container.is_possible() if docker is None else docker
        (container if in_container else local).require()
        try:
            server = _start(name, directory, in_container=in_container)
        except BaseException:
            _remove(name, directory)
            raise
        return server, Came.STARTED if before is None else Came.ANEW


def find(name: str, directory: Path) -> Server | None:
    """Return the server that runs, None if none does."""
    server = Server.read(name, directory)
    return server if server is not None and _is_there(server) else None


def down(name: str, directory: Path) -> bool:
    """End a server, and remove all that it had; false if nothing was there."""
    if not directory.parent.is_dir():
        return False
    with _alone(directory):
        return _remove(name, directory)


def _start(name: str, directory: Path, *, in_container: bool) -> Server:
    try:
        directory.mkdir(mode=0o700)
    except OSError as error:
        raise NoPlace(directory, error.strerror or str(error)) from error
    password = secrets.token_hex(16)
    path = directory / PASSWORD_FILE
    path.touch(mode=0o600)
    path.write_text(f"{password}\n", encoding="utf-8")
    if in_container:
        server = container.start(name, directory, password)
    else:
        server = local.start(name, directory, password)
    return _served(server)


def _start_again(before: Server) -> Server | None:
    """Start a server that has ended; none if what it had is gone.

    What it had stays where it is, also if it does not start with that.
    """
    if before.kind == "docker":
        server = container.start_again(before.name, before.directory)
    elif (before.directory / "data").is_dir():
        server = local.start_again(before.name, before.directory, before.port)
    else:
        server = None
    if server is None:
        return None
    server.write()  # whoever comes after a kill finds it where it listens now
    try:
        return _served(server)
    except NotStarted as fault:
        what = f"{fault.what}, started with what it had (`evctl mysql down` throws that away)"
        raise NotStarted(what, last_words(before)) from fault


def _served(server: Server) -> Server:
    """Wait until a server serves, and write it down."""
    furnishing.await_life(server, lambda: _is_there(server), lambda: last_words(server))
    furnishing.furnish(server)
    server.write()
    return server


def _is_there(server: Server) -> bool:
    if server.kind == "docker":
        return container.runs(server.name, server.directory)
    return bool(local.processes(server.directory))


def last_words(server: Server) -> str:
    """Return the end of what a server has written."""
    if server.kind == "docker":
        return container.last_words(server.name)
    return local.last_words(server.directory)


def _remove(name: str, directory: Path) -> bool:
    """Remove what there is, also of a start that was killed; tell whether there was anything."""
    there = directory.exists()
    if there and any(directory.iterdir()) and not (directory / PASSWORD_FILE).is_file():
        raise NotOurs(directory)
    server = Server.read(name, directory)
    removed = False
    if server is not None and server.kind == "docker":
        removed = container.remove(name, directory)
    else:
        with suppress(DockerMissing, EngineAway):  # then it is no container that is left
            removed = container.remove(name, directory)
    local.stop(directory)
    if there:
        shutil.rmtree(directory)
    return removed or there


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Let one command at a time start or end servers."""
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(directory.parent, os.O_RDONLY)
    except OSError as error:
        raise NoPlace(directory, error.strerror or str(error)) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
