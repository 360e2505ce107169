"""The aborted transactions of a segment, in Kafka's file format (`.txnindex`).

A reader of committed records gets every record, with a list of what it has to pass over.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import NamedTuple

from infra.broker.storage import files

TXN_SUFFIX = ".txnindex"
_ENTRY = Struct(">hqqqq")
_VERSION = 0
ROW_SIZE = _ENTRY.size


class Aborted(NamedTuple):
    """A transaction that ended with an abort marker at `last_offset`.

    Every transaction that begins before `last_stable_offset` was decided when this one ended.
    """

    producer_id: int
    first_offset: int
    last_offset: int
    last_stable_offset: int


class Met(NamedTuple):
    """Producers with a transaction open at the end of a segment, and those with markers in it."""

    open: frozenset[int]
    ended: frozenset[int]


class AbortedIndex:
    """The transactions whose abort markers lie in one segment, in the order of the markers."""

    def __init__(self, rows: bytes = b"") -> None:
        whole = len(rows) // _ENTRY.size * _ENTRY.size
        self.entries = [Aborted(*row[1:]) for row in _ENTRY.iter_unpack(rows[:whole])]
        self.persisted = whole

    @classmethod
    def load(cls, path: Path) -> "AbortedIndex":
        """Read the index of a segment; one without aborted transactions has no file."""
        try:
            return cls(path.read_bytes())
        except FileNotFoundError:
            return cls()

    def append(self, aborted: Aborted) -> None:
        """Note a transaction whose abort marker was just written."""
        self.entries.append(aborted)

    def replace(self, entries: list[Aborted]) -> None:
        """Go on with other transactions; the next writing puts all of them into the file."""
        self.entries = entries
        self.persisted = 0

    def write(self, path: Path) -> int:
        """Bring the file up to date; returns its size."""
        size = len(self.entries) * _ENTRY.size
        if size or path.exists():
            new = self.entries[self.persisted // _ENTRY.size :]
            content = b"".join(_ENTRY.pack(_VERSION, *aborted) for aborted in new)
            fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                files.write_at(fd, content, self.persisted)
                os.ftruncate(fd, size)
            finally:
                os.close(fd)
        self.persisted = size
        return size

    def overlapping(self, start: int, end: int) -> Iterator[Aborted]:
        """Yield the transactions that have records in `start` … `end`."""
        for aborted in self.entries:
            if aborted.last_offset >= start and aborted.first_offset < end:
                yield aborted


def is_format(rows: bytes) -> bool:
    """Whether rows are whole, in the order of their markers and of the version that we write."""
    if len(rows) % _ENTRY.size:
        return False
    found = list(_ENTRY.iter_unpack(rows))
    ends = [row[3] for row in found]
    # the last stable offset: at most behind the marker
    return ends == sorted(ends) and all(r[0] == _VERSION and 0 <= r[4] <= r[3] + 1 for r in found)
