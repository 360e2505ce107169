"""Sparse indexes of a segment in Kafka's file formats: offset to position, and time to offset.

Both are kept as the bytes of their files: growing while the segment is written, mapped afterwards.
"""

import mmap
import os
from collections.abc import Callable
from pathlib import Path
from struct import Struct

_OFFSET_ENTRY = Struct(">ii")  # relative offset of a batch's last record, position of the batch
_TIME_ENTRY = Struct(">qi")  # largest timestamp (ms) so far, relative offset where it was reached

Rows = bytearray | mmap.mmap | bytes


def _last_below(rows: int, is_low: Callable[[int], bool]) -> int:
    """Return the last row for which `is_low` holds, −1 if none; the rows are sorted by it."""
    low, high = 0, rows
    while low < high:
        middle = (low + high) // 2
        if is_low(middle):
            low = middle + 1
        else:
            high = middle
    return low - 1


def _load(path: Path, entry: Struct) -> Rows:
    """Map an index that is complete."""
    fd = os.open(path, os.O_RDONLY)
    try:
        size = os.fstat(fd).st_size // entry.size * entry.size
        if size == 0:  # that can't be mapped
            return bytearray()
        return mmap.mmap(fd, size, access=mmap.ACCESS_READ)
    finally:
        os.close(fd)


class OffsetIndex:
    """Where in the segment to begin looking for an offset."""

    def __init__(self, base_offset: int, rows: Rows = b"") -> None:
        self._base = base_offset
        self.rows: Rows = bytearray(rows) if rows == b"" else rows

    @classmethod
    def load(cls, path: Path, base_offset: int) -> "OffsetIndex":
        """Load the index of the segment that begins at `base_offset`."""
        return cls(base_offset, _load(path, _OFFSET_ENTRY))

    def append(self, last_offset: int, position: int) -> None:
        """Note that the batch at `position` ends with `last_offset`."""
        assert isinstance(self.rows, bytearray)
        self.rows += _OFFSET_ENTRY.pack(last_offset - self._base, position)

    def __len__(self) -> int:
        return len(self.rows) // _OFFSET_ENTRY.size

    def entry(self, row: int) -> tuple[int, int]:
        """Return (last offset, position) of one row."""
        relative, position = _OFFSET_ENTRY.unpack_from(self.rows, row * _OFFSET_ENTRY.size)
        return self._base + relative, position

    def position_before(self, offset: int) -> int:
        """Return the position of a batch at or before the one that holds `offset`."""
        row = _last_below(len(self), lambda i: self.entry(i)[0] <= offset)
        return self.entry(row)[1] if row >= 0 else 0

    def row_before(self, offset: int) -> tuple[int, int]:
        """Return (position, last offset) of the last batch noted at or before `offset`.

        Position 0 and −1 if there is none.
        """
        row = _last_below(len(self), lambda i: self.entry(i)[0] <= offset)
        return self.entry(row)[::-1] if row >= 0 else (0, -1)

    def boundary_below(self, position: int) -> int:
        """Return the last known start of a batch at or before `position`, 0 if none."""
        row = _last_below(len(self), lambda i: self.entry(i)[1] <= position)
        return self.entry(row)[1] if row >= 0 else 0

    def end_of(self, position: int) -> int | None:
        """Return the offset behind the first known batch at or after `position`, null if none."""
        row = _last_below(len(self), lambda i: self.entry(i)[1] < position) + 1
        return self.entry(row)[0] + 1 if row < len(self) else None


class TimeIndex:
    """From which offset on a timestamp may be found; timestamps need not rise in the log."""

    def __init__(self, base_offset: int, rows: Rows = b"") -> None:
        self._base = base_offset
        self.rows: Rows = bytearray(rows) if rows == b"" else rows

    @classmethod
    def load(cls, path: Path, base_offset: int) -> "TimeIndex":
        """Load the index of the segment that begins at `base_offset`."""
        return cls(base_offset, _load(path, _TIME_ENTRY))

    def append(self, timestamp: int, offset: int) -> None:
        """Note the largest `timestamp` (ms) so far; one that is not larger is passed over."""
        assert isinstance(self.rows, bytearray)
        if not len(self) or timestamp > self.entry(len(self) - 1)[0]:
            self.rows += _TIME_ENTRY.pack(timestamp, offset - self._base)

    def __len__(self) -> int:
        return len(self.rows) // _TIME_ENTRY.size

    def entry(self, row: int) -> tuple[int, int]:
        """Return (timestamp in ms, offset) of one row."""
        timestamp, relative = _TIME_ENTRY.unpack_from(self.rows, row * _TIME_ENTRY.size)
        return timestamp, self._base + relative

    @property
    def largest(self) -> int:
        """The largest timestamp noted, in ms; −1 if none."""
        return self.entry(len(self) - 1)[0] if len(self) else -1

    def offset_before(self, timestamp: int) -> int:
        """Return an offset before which every record is older than `timestamp` (ms)."""
        row = _last_below(len(self), lambda i: self.entry(i)[0] < timestamp)
        return self.entry(row)[1] if row >= 0 else self._base
