"""One segment of a partition's log: a file of record batches and its two sparse indexes."""

import logging
import mmap
import os
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

from infra.broker.storage import batch as batches
from infra.broker.storage.aborted import TXN_SUFFIX, AbortedIndex, Met
from infra.broker.storage.batch import HEADER_SIZE, TRANSACTIONAL, BatchHeader, InvalidBatch
from infra.broker.storage.files import write_at
from infra.broker.storage.index import OffsetIndex, Rows, TimeIndex
from infra.broker.storage.integrity import Damage, Damaged, Extent, Known, chain, examine

_LOG = logging.getLogger(__name__)
INDEX_SUFFIXES = (".index", ".timeindex")
ALL_INDEX_SUFFIXES = (*INDEX_SUFFIXES, TXN_SUFFIX)  # the last only where there is need of it
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
        self.known = Known()
        self.damages: list[Damage] = []  # what was found, in order
        self.transactional = False  # whether a batch of a transaction was met in an unknown range
        self.writes_aborted = True  # whether all of its aborted index is this process's own
        self.met: Met | None = None  # of a compared aborted index
        self._offsets: OffsetIndex | None = None
        self._times: TimeIndex | None = None
        self._aborted: AbortedIndex | None = None
        self._fd: int | None = None
        self._first_timestamp: int | None = None
        self._unindexed = 0
        self._last_batch = (base_offset, base_offset, 0)  # its offsets and position, for the tail

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
        segment.known.forget(segment.size)
        segment.writes_aborted = False
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
            self._load_indexes()
        assert self._offsets is not None
        return self._offsets

    @property
    def times(self) -> TimeIndex:
        """The index by time."""
        if self._times is None:
            self._load_indexes()
        assert self._times is not None
        return self._times

    def _load_indexes(self) -> None:
        """Map the indexes of a complete segment, or make those anew of which a file is gone."""
        offsets, times = (self.path.with_suffix(suffix) for suffix in INDEX_SUFFIXES)
        try:
            self._offsets = OffsetIndex.load(offsets, self.base_offset)
            self._times = TimeIndex.load(times, self.base_offset)
        except FileNotFoundError as error:
            self.index_anew(f"{error.filename} is missing")

    @property
    def aborted(self) -> AbortedIndex:
        """The aborted transactions whose markers are here, as the file says; see `abort_check`."""
        if self._aborted is None:
            self._aborted = AbortedIndex.load(self.path.with_suffix(TXN_SUFFIX))
        return self._aborted

    @property
    def largest_timestamp(self) -> int:
        """The largest timestamp of all records, in ms; −1 if there are none."""
        return max(self.max_timestamp, self.times.largest)

    @property
    def first_timestamp(self) -> int:
        """The largest timestamp of its first batch, in ms, from which its age is counted."""
        if self._first_timestamp is None:
            self._first_timestamp = self._read_first_timestamp()
        return self._first_timestamp

    def _read_first_timestamp(self) -> int:
        if not self.size:
            return -1
        try:
            return next(self.headers(0))[1].max_timestamp
        except InvalidBatch:  # readers are told of the damage; writers go on
            return self.largest_timestamp

    def begin_index(
        self, offset_rows: bytes = b"", time_rows: bytes = b"", aborted_rows: bytes = b""
    ) -> None:
        """Start, or go on with, indexes that grow."""
        self._aborted = AbortedIndex(aborted_rows)
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
        self._last_batch = (header.base_offset, header.last_offset, self.size)
        self.size += size
        self.next_offset = header.last_offset + 1

    def seal(self) -> None:
        """Complete the indexes on disk and go on with mapped ones."""
        self.times.append(self.max_timestamp, self.max_timestamp_offset)
        self.write_index()
        self._offsets = self._times = None

    def write_index(self) -> None:
        """Append new rows to the indexes' files, and cut away what a crash may have left there."""
        self.aborted.write(self.path.with_suffix(TXN_SUFFIX))
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
        """Yield (position, header) of the batches from `position` on.

        Raises `InvalidBatch` where they do not follow each other.
        """
        chunk, start, least_offset = b"", position, self.base_offset
        while position < self.size:
            if position + HEADER_SIZE > start + len(chunk):
                chunk, start = os.pread(self.fd, _CHUNK, position), position
            header = batches.header_at(chunk, position - start)
            if header.size < HEADER_SIZE or header.base_offset < least_offset:
                raise InvalidBatch(f"no batch at byte {position} of {self.path}")
            least_offset = header.base_offset + 1
            yield position, header
            position += header.size

    def locate(self, offset: int) -> int:
        """Return the position of the batch that holds `offset`, or of the first one behind it."""
        if offset >= self.next_offset:
            return self.size
        first, last, position = self._last_batch
        if position and first <= offset <= last:
            return position
        start = self.offsets.position_before(offset)
        for damage in self.damages:
            if damage.next_offset <= offset:
                start = max(start, damage.end)
        for position, header in self.headers(start):
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

    def read_from(
        self, offset: int, end: int, max_bytes: int, *, at_least_one: bool, gaps_below: int = 0
    ) -> bytes | None:
        """Return whole intact batches from the one that holds `offset`; null if it lies behind.

        As `read`. Raises `Damaged` where that batch is not as it was written; batches before and
        behind it can be read.
        """
        try:
            return self._read_from(offset, end, max_bytes, at_least_one, gaps_below)
        except InvalidBatch:
            self.examine(gaps_below)
            return self._read_from(offset, end, max_bytes, at_least_one, gaps_below)

    def _read_from(
        self, offset: int, end: int, max_bytes: int, at_least_one: bool, gaps_below: int
    ) -> bytes | None:
        for damage in self.damages:
            if damage.offset <= offset < damage.next_offset:
                raise Damaged(damage)
            if damage.offset > offset:
                end = min(end, damage.position)
        position = self.locate(offset)
        if position >= end:
            return None
        data = self.read(position, end, max_bytes, at_least_one=at_least_one)
        if not self.known.covers(position, position + len(data)):
            self._check(offset, position, data, gaps_below)
        return data

    def _check(self, offset: int, position: int, data: bytes, gaps_below: int) -> None:
        """Check batches, and those before them up to one whose offset is known otherwise."""
        start, last_offset = self.offsets.row_before(offset)
        expected = self.base_offset
        if start:
            expected = batches.header_at(os.pread(self.fd, HEADER_SIZE, start)).base_offset
        for damage in self.damages:
            if damage.next_offset <= offset and damage.end > start:
                start, expected, last_offset = damage.end, damage.next_offset, -1
        before = os.pread(self.fd, position - start, start)
        for content in (before, data):
            for _, header in chain(memoryview(content), expected, gaps_below=gaps_below):
                if last_offset not in {-1, header.last_offset}:
                    raise InvalidBatch(f"a batch up to {header.last_offset}, not {last_offset}")
                expected, last_offset = header.last_offset + 1, -1
                if header.attributes & TRANSACTIONAL:
                    self.transactional = True
        self.known.add(start, position + len(data))

    def examine(self, gaps_below: int = 0) -> None:
        """Read the whole segment, to know what is damaged."""
        extent = Extent(self.path, self.base_offset, self.next_offset, self.size, gaps_below)
        self.take_in([damage for damage in examine(self.fd, extent) if damage is not None])
        if not self.damages and isinstance(self.offsets.rows, mmap.mmap):
            self.index_anew(f"{self.path.with_suffix('.index')} leads astray")

    def index_anew(self, why: str) -> None:
        """Go on with indexes in memory, made of the records, which are good."""
        _LOG.error("%s: its index is made anew in memory; run `evctl broker check`", why)
        offsets, times = OffsetIndex(self.base_offset), TimeIndex(self.base_offset)
        newest, noted = (-1, self.base_offset), 0
        for position, header in self.headers(0):
            newest = max(newest, (header.max_timestamp, header.last_offset), key=itemgetter(0))
            if position - noted > _CHUNK:
                offsets.append(header.last_offset, position)
                times.append(*newest)
                noted = position
        times.append(*newest)
        self._offsets, self._times = offsets, times

    def take_in(self, damages: list[Damage]) -> None:
        """Know from now on what is damaged; it is logged once."""
        for damage in damages:
            if damage not in self.damages:
                _LOG.error("%s", damage)
        self.damages = damages
        self.known.forget(self.size if damages else self.known.tail)

    def end_of(self, position: int) -> int:
        """Return an offset at or behind the end of what lies before `position`."""
        return self.offsets.end_of(position) or self.next_offset

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
                if not self.known.covers(position, position + header.size):
                    batches.intact(batch)
                for offset, found in batches.timestamps(batch):
                    if found >= timestamp and offset >= least_offset:
                        return found, offset
        return None

    def pin(self) -> None:
        """Open all files, so that this segment can be read while others take their names."""
        _ = self.fd, self.offsets, self.times, self.aborted

    def age_from(self) -> int:
        """Return the time (ms) of the newest record, or of the last write where none has a time."""
        largest = self.largest_timestamp
        return largest if largest >= 0 else self.path.stat().st_mtime_ns // 1_000_000

    def close(self) -> None:
        """Close the file; it is opened again when it is needed."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
