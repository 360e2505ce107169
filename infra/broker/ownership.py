"""One process owns a data directory: the lock, what it tells others, and the directory's format."""

import fcntl
import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.broker.errors import AlreadyOwned, DirectoryUnusable, FormatTooNew, PropertiesBroken
from infra.broker.storage import files
from infra.clock import fresh_id

LOCK = ".lock"
PORT = "last-port"
PROPERTIES = "meta.properties"
FORMAT = 1
_RETRY_S = 0.2  # another process may hold the lock for an instant, to look whether it is held


@dataclass(frozen=True, slots=True)
class Owner:
    """What the owner writes into the lock file once it serves; `linger_s` is null if it stays."""

    pid: int
    host: str
    port: int
    linger_s: float | None
    format: int = FORMAT


def prepare(data_dir: Path) -> None:
    """Create the data directory, readable by its owner alone."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        data_dir.chmod(0o700)
    except OSError as error:
        raise DirectoryUnusable(data_dir, error) from error


class Lock:
    """The lock of a data directory, held until `release` or the end of the process."""

    def __init__(self, data_dir: Path) -> None:
        """Take the lock; raises `AlreadyOwned` with the owner's process id."""
        try:
            self._fd = os.open(data_dir / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise DirectoryUnusable(data_dir, error) from error
        deadline = time.monotonic() + _RETRY_S
        while not _try(self._fd, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                owner = _read(self._fd)
                os.close(self._fd)
                raise AlreadyOwned(data_dir, owner.pid if owner else None)
            time.sleep(0.01)
        os.ftruncate(self._fd, 0)

    def tell(self, owner: Owner | None) -> None:
        """Say where the owner is found, or with null that it is about to end."""
        content = json.dumps(asdict(owner)).encode() + b"\n" if owner else b""
        os.pwrite(self._fd, content, 0)
        os.ftruncate(self._fd, len(content))

    def release(self) -> None:
        """Give the directory up."""
        os.ftruncate(self._fd, 0)
        os.close(self._fd)


def owner_of(data_dir: Path) -> Owner | None:
    """Return the process that serves `data_dir`; null if none does, or not yet."""
    try:
        fd = os.open(data_dir / LOCK, os.O_RDONLY)
    except OSError:
        return None
    try:
        return None if _try(fd, fcntl.LOCK_SH) else _read(fd)
    finally:
        os.close(fd)


def is_owned(data_dir: Path) -> bool:
    """Whether a live process holds the lock of `data_dir`."""
    try:
        fd = os.open(data_dir / LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _try(fd, fcntl.LOCK_SH)
    finally:
        os.close(fd)


def last_port(data_dir: Path) -> int:
    """Return the port that the directory's last broker listened on; 0 if that is not known."""
    try:
        return int((data_dir / PORT).read_text())
    except (OSError, ValueError):
        return 0


def keep_port(data_dir: Path, port: int) -> None:
    """Write the port down for the next broker; to lose it does no harm."""
    with suppress(OSError):  # a full disk must not keep readers from being served
        (data_dir / PORT).write_text(f"{port}\n")


def _try(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(fd: int) -> Owner | None:
    try:
        return Owner(**json.loads(os.pread(fd, 4096, 0)))
    except (ValueError, TypeError):
        return None


def cluster_id(data_dir: Path) -> str:
    """Return the id of the cluster, drawn for a new directory; checks the directory's format."""
    path = data_dir / PROPERTIES
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        drawn = fresh_id()
        content = f"version=1\nformat.version={FORMAT}\ncluster.id={drawn}\nnode.id=1\n"
        files.replace(path, content.encode())
        return drawn
    properties = dict(line.split("=", 1) for line in lines if "=" in line)
    try:
        found, known_as = int(properties["format.version"]), properties["cluster.id"]
    except (KeyError, ValueError):
        raise PropertiesBroken(path) from None
    if found > FORMAT:
        raise FormatTooNew(path, found, FORMAT)
    return known_as
