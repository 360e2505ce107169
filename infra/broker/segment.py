"""One segment of a partition's log: a file of record batches and its two sparse indexes."""

import os
from collections.abc import Iterator
from pathlib import Path

from infra.broker import batch as batches
from infra.broker.batch import HEADER_SIZE, BatchHeader
from infra.broker.files import write_at
from infra.broker.index import OffsetIndex, Rows, TimeIndex

INDEX_SUFFIXES = (".index", ".timeindex")
_CHUNK = 8192  # read at once when hopping from header to header


def log_path(directory: Path, base_offset: int) -> Path:
    """Return the name Kafka gives to the segment that begins at `base_offset`."""
    return directory / f"{base_offset:020d}.log"


class Segment:
    """Batches from `base_offset` up to, not including, `next_offset`; `size` bytes of them."""

    def __init__(self, directory: Path, base_offset: int, next_offset: int | None = None) -> None:
        self.path = log_path(directory, base_offset)
        self.base_offset = base_offset
        self.next_offset = base_offset if next_offset is None else next_offset
        self.size = 0
        self.max_timestamp = -1
        self.max_timestamp_offset = base_offset
        self.persisted = (0, 0)  # bytes of the two indexes that are in their files
        self._offsets: OffsetIndex | None = None
        self._times: TimeIndex | None = None
        self._fd: int | None = None
        self._first_timestamp: int | None = None
        self._unindexed = 0
        self._last_batch = (base_offset, 0)  # base offset and position, for readers at the tail

    @classmethod
    def create(cls, directory: Path, base_offset: int) -> "Segment":
        """Create an empty segment; a leftover of the same name is emptied."""
        segment = cls(directory, base_offset)
        os.close(os.open(segment.path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600))
        segment.begin_index()
        return segment

    @classmethod
    def sealed(cls, directory: Path, base_offset: int, next_offset: int) -> "Segment":
        """Open a complete segment; its indexes are read when they are needed."""
        segment = cls(directory, base_offset, next_offset)
        segment.size = segment.path.stat().st_size
        return segment

    @property
    def fd(self) -> int:
        """The open log file."""
        if self._fd is None:
            self._fd = os.open(self.path, os.O_RDWR)
        return self._fd

    @property
    def offsets(self) -> OffsetIndex:
        """The index by offset."""
        if self._offsets is None:
            path = self.path.with_suffix(INDEX_SUFFIXES[0])
            self._offsets = OffsetIndex.load(path, self.base_offset, writable=False)
        return self._offsets

    @property
    def times(self) -> TimeIndex:
        """The index by time."""
        if self._times is None:
            path = self.path.with_suffix(INDEX_SUFFIXES[1])
            self._times = TimeIndex.load(path, self.base_offset, writable=False)
        return self._times

    @property
    def largest_timestamp(self) -> int:
        """The largest timestamp of all records, in ms; −1 if there are none."""
        return max(self.max_timestamp, self.times.largest)

    @property
    def first_timestamp(self) -> int:
        """The largest timestamp of its first batch, in ms, from which its age is counted."""
        if self._first_timestamp is None:
            self._first_timestamp = next(self.headers(0))[1].max_timestamp if self.size else -1
        return self._first_timestamp

    def begin_index(self, offset_rows: bytes = b"", time_rows: bytes = b"") -> None:
        """Start, or go on with, indexes that grow."""
        self._offsets = OffsetIndex(self.base_offset, bytearray(offset_rows))
        self._times = TimeIndex(self.base_offset, bytearray(time_rows))
        self.persisted = (len(offset_rows), len(time_rows))

    def append(self, batch: memoryview, header: BatchHeader, index_interval: int) -> None:
        """Write a batch whose offsets are placed; on an error nothing of it stays in the file."""
        try:
            write_at(self.fd, batch, self.size)
        except OSError:
            os.ftruncate(self.fd, self.size)
            raise
        self.note(header, index_interval)

    def note(self, header: BatchHeader, index_interval: int) -> None:
        """Count a batch that is in the file at `size`."""
        if not self.size:
            self._first_timestamp = header.max_timestamp
        if header.max_timestamp > self.max_timestamp:
            self.max_timestamp = header.max_timestamp
            self.max_timestamp_offset = header.last_offset
        if self._unindexed > index_interval:
            self.offsets.append(header.last_offset, self.size)
            self.times.append(self.max_timestamp, self.max_timestamp_offset)
            self._unindexed = 0
        size = header.size
        self._unindexed += size
        self._last_batch = (header.base_offset, self.size)
        self.size += size
        self.next_offset = header.last_offset + 1

    def seal(self) -> None:
        """Complete the indexes on disk and go on with mapped ones."""
        self.times.append(self.max_timestamp, self.max_timestamp_offset)
        self.write_index()
        self._offsets = self._times = None

    def write_index(self) -> None:
        """Append new rows to the indexes' files, and cut away what a crash may have left there."""
        self.persisted = (
            self._write_rows(INDEX_SUFFIXES[0], self.offsets.rows, self.persisted[0]),
            self._write_rows(INDEX_SUFFIXES[1], self.times.rows, self.persisted[1]),
        )

    def _write_rows(self, suffix: str, rows: Rows, start: int) -> int:
        fd = os.open(self.path.with_suffix(suffix), os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            write_at(fd, bytes(rows[start:]), start)
            os.ftruncate(fd, len(rows))
        finally:
            os.close(fd)
        return len(rows)

    def headers(self, position: int) -> Iterator[tuple[int, BatchHeader]]:
        """Yield (position, header) of the batches from `position` on."""
        chunk, start = b"", position
        while position < self.size:
            if position + HEADER_SIZE > start + len(chunk):
                chunk, start = os.pread(self.fd, _CHUNK, position), position
            header = batches.header_at(chunk, position - start)
            yield position, header
            position += header.size

    def locate(self, offset: int) -> int:
        """Return the position of the batch that holds `offset`, or of the first one behind it."""
        if offset >= self.next_offset:
            return self.size
        if offset >= self._last_batch[0] and self._last_batch[1]:
            return self._last_batch[1]
        for position, header in self.headers(self.offsets.position_before(offset)):
            if header.last_offset >= offset:
                return position
        return self.size

    def read(self, position: int, end: int, max_bytes: int, *, at_least_one: bool) -> bytes:
        """Return whole batches from `position`, not beyond `end`, in one read.

        Up to `max_bytes`, but one batch even above it when `at_least_one`.
        """
        length = end - position
        if length > max_bytes:
            length = self.offsets.boundary_below(position + max_bytes) - position
            if length <= 0:
                length = next(self.headers(position))[1].size
                if length > max_bytes and not at_least_one:
                    return b""
        return os.pread(self.fd, length, position)

    def first_at(self, timestamp: int, least_offset: int = 0) -> tuple[int, int] | None:
        """Return (timestamp, offset) of the first record at or after `timestamp` (ms), if any.

        Records below `least_offset` do not count.
        """
        if self.largest_timestamp < timestamp:
            return None
        start = max(self.times.offset_before(timestamp), least_offset)
        for position, header in self.headers(self.locate(start)):
            if header.max_timestamp >= timestamp:
                batch = memoryview(os.pread(self.fd, header.size, position))
                for offset, found in batches.timestamps(batch):
                    if found >= timestamp and offset >= least_offset:
                        return found, offset
        return None

    def pin(self) -> None:
        """Open all files, so that this segment can be read while others take their names."""
        _ = self.fd, self.offsets, self.times

    def age_from(self) -> int:
        """Return the time (ms) of the newest record, or of the last write where none has a time."""
        largest = self.largest_timestamp
        return largest if largest >= 0 else self.path.stat().st_mtime_ns // 1_000_000

    def close(self) -> None:
        """Close the file; it is opened again when it is needed."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
