"""A small file of changes: one JSON array a line, each with its checksum.

What is appended survives a crash of the process; the machine's own end may take the newest lines.
"""

import json
import logging
import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from crc32c import crc32c

from infra.broker.errors import JournalDamaged
from infra.broker.storage import files, power_loss

_LOG = logging.getLogger(__name__)
OFFSETS_FILE = "committed-offsets.log"
GROUPS_FILE = "groups.log"
TRANSACTIONS_FILE = "transactions.log"
ALL_FILES = (OFFSETS_FILE, GROUPS_FILE, TRANSACTIONS_FILE)
REWRITE_BYTES = 1 << 20  # and only when the file is four times what it was after the last rewriting

Entry = Sequence[Any]

_BEGIN = re.compile(rb"[0-9a-f]{8} \[")


class Content(NamedTuple):
    """What was read of a journal: the changes up to the first line that is not intact.

    They take `size` bytes. `rest` is what lies behind them, and an intact line begins at byte
    `following` of it; null, if there is none.
    """

    entries: list[Any]
    size: int
    rest: bytes
    following: int | None


def read(path: Path) -> Content:
    """Read a journal and change nothing."""
    content = path.read_bytes()
    entries, size = [], 0
    while (end := _end_of_line(content, size)) is not None:
        entries.append(json.loads(content[size + 9 : end]))
        size = end
    rest = content[size:]
    starts = (found.start() for found in _BEGIN.finditer(rest))
    following = next((s for s in starts if _end_of_line(rest, s) is not None), None)
    return Content(entries, size, rest, following)


def _end_of_line(content: bytes, start: int) -> int | None:
    """Return where the intact line at `start` ends; null if what is there is none."""
    end = content.find(b"\n", start)
    if end < 0 or not _BEGIN.match(content, start):
        return None
    intact = int(content[start : start + 8], 16) == crc32c(content[start + 9 : end])
    return end + 1 if intact else None


class Journal:
    """Changes in the order in which they were made; whoever keeps them knows what is outdated."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._size = 0
        self._size_when_rewritten = 0

    def read(self) -> list[Any]:
        """Return all changes; what a crash has torn at the end is cut away.

        Raises `JournalDamaged` if a cut would lose intact lines. After a power loss what lies
        behind a hole is set aside.
        """
        content = read(self._path)
        self._size = content.size
        if content.following is not None:
            self._set_aside(content)
        elif content.rest:
            _LOG.warning(
                "%s: cut %d bytes of a torn line at byte %d",
                self._path,
                len(content.rest),
                content.size,
            )
        os.ftruncate(self._fd, self._size)
        return content.entries

    def _set_aside(self, content: Content) -> None:
        """Copy what lies behind a hole; raises `JournalDamaged` where no power loss explains it."""
        hole = content.rest[: content.following]
        if not power_loss.explains_hole(self._path, content.size, hole):
            raise JournalDamaged(self._path, len(content.entries) + 1, content.size)
        aside = power_loss.copy_aside(self._path, content.size, content.rest)
        files.sync_directory(self._path.parent)
        _LOG.error(
            "%s: the machine went down while it was being written: it ends at byte %d, and what "
            "was found behind a gap there was set aside (%s)",
            self._path,
            content.size,
            aside.name,
        )

    def append(self, entries: Iterable[Entry]) -> None:
        """Write changes, all or none; raises `OSError` if the disk refuses."""
        content = b"".join(map(_line, entries))
        try:
            files.write_at(self._fd, content, self._size)
        except OSError:
            os.ftruncate(self._fd, self._size)
            raise
        self._size += len(content)

    def shorten(self, entries: Callable[[], Iterable[Entry]]) -> None:
        """Rewrite the file with what is still valid, if it has grown beyond that."""
        if self._size <= max(REWRITE_BYTES, 4 * self._size_when_rewritten):
            return
        try:
            files.replace(self._path, b"".join(map(_line, entries())))
        except OSError as error:
            _LOG.warning("%s is not rewritten and keeps what is outdated: %s", self._path, error)
        # whether the old file was replaced or not, the one that has the name counts
        os.close(self._fd)
        self._fd = os.open(self._path, os.O_RDWR)
        self._size = self._size_when_rewritten = os.fstat(self._fd).st_size

    def descriptor(self) -> int:
        """Return a copy of the file's descriptor, to sync what was appended; the caller closes it.

        A rewritten file is on the disk as it is.
        """
        return os.dup(self._fd)

    def close(self) -> None:
        """Sync and close the file."""
        files.sync_data(self._fd)
        os.close(self._fd)


def _line(entry: Entry) -> bytes:
    content = json.dumps(entry).encode()
    return b"%08x %s\n" % (crc32c(content), content)
