"""A small file of changes: one JSON array a line, each with its checksum.

What is appended survives a crash of the process; the machine's own end may take the newest lines.
"""

import json
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from crc32c import crc32c

from infra.broker.storage import files

_LOG = logging.getLogger(__name__)
REWRITE_BYTES = 1 << 20  # and only when the file is four times what it was after the last rewriting

Entry = Sequence[Any]


class Journal:
    """Changes in the order in which they were made; whoever keeps them knows what is outdated."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._size = 0
        self._size_when_rewritten = 0

    def read(self) -> list[Any]:
        """Return all changes, up to the first line that a crash has torn, which is cut away."""
        entries = []
        for line in self._path.read_bytes().splitlines(keepends=True):
            checksum, _, content = line.rstrip(b"\n").partition(b" ")
            if not line.endswith(b"\n") or checksum != b"%08x" % crc32c(content):
                break
            entries.append(json.loads(content))
            self._size += len(line)
        os.ftruncate(self._fd, self._size)
        return entries

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
