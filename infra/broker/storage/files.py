"""Writing files so that a crash leaves the old content or the new, never a mixture."""

import fcntl
import os
from pathlib import Path


def sync_directory(path: Path) -> None:
    """Make the creation, renaming and removal of entries of `path` survive a power loss."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def replace(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Replace `path` by `content` atomically and durably."""
    beside = path.with_name(path.name + ".new")
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        write_at(fd, content, 0)
        os.fsync(fd)
    finally:
        os.close(fd)
    beside.replace(path)
    sync_directory(path.parent)


def write_at(fd: int, data: bytes | bytearray | memoryview, position: int) -> None:
    """Write all of `data` at `position`; a short write is continued until the disk says why."""
    written = os.pwrite(fd, data, position)
    while written < len(data):
        written += os.pwrite(fd, memoryview(data)[written:], position + written)


def sync_data(fd: int) -> None:
    """Wait until the content of `fd` is on the disk, not only in its cache."""
    full_sync = getattr(fcntl, "F_FULLFSYNC", None)  # macOS: fsync alone stops at the drive's cache
    if full_sync is None:
        os.fdatasync(fd)
    else:
        fcntl.fcntl(fd, full_sync)


def names(directory: Path) -> set[str]:
    """Return the names in a directory; where there are thousands, paths take far longer."""
    with os.scandir(directory) as entries:
        return {entry.name for entry in entries}
