"""Verification of every segment and journal of a data directory, whether its broker runs or not."""

import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from infra.broker.cleaning import swap
from infra.broker.storage import journal
from infra.broker.storage.abort_check import Abort, Transactions, differing
from infra.broker.storage.aborted import ROW_SIZE, TXN_SUFFIX, AbortedIndex, is_format
from infra.broker.storage.batch import InvalidBatch
from infra.broker.storage.boundaries import Boundaries
from infra.broker.storage.checkpoint import Checkpoint
from infra.broker.storage.index import OffsetIndex, TimeIndex
from infra.broker.storage.markers import is_commit
from infra.broker.storage.recovery import is_torn, segment_bases, valid_batch
from infra.broker.storage.segment import ALL_INDEX_SUFFIXES, INDEX_SUFFIXES, log_path
from infra.broker.storage.topics import read_entries

_TRIES = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it must be; `mends_itself` where the next start puts it right."""

    path: Path
    position: int
    offset: int | None  # null outside of a log
    what: str
    mends_itself: bool = False

    def __str__(self) -> str:
        offset = "" if self.offset is None else f", offset {self.offset}"
        where = f"{self.path}: byte {self.position}{offset}: {self.what}"
        return f"{where} (the next start cuts it away)" if self.mends_itself else where


@dataclass(slots=True)
class Verified:
    """What was read of one partition, and what was found."""

    directory: Path
    segments: int = 0
    batches: int = 0
    records: int = 0
    size: int = 0
    findings: list[Finding] = field(default_factory=list)


def verify(data_dir: Path, *, online: bool, topic: str | None = None) -> Iterator[Verified]:
    """Verify the partitions of all topics, or of one, one after the other.

    With `online` the broker may append meanwhile: what it has not finished is passed over.
    """
    entries = [e for e in read_entries(data_dir)[0] if topic is None or e.name == topic]
    for entry in entries:
        for directory in entry.directories(data_dir):
            yield verify_partition(directory, online=online)


def verify_journals(data_dir: Path, *, online: bool) -> Iterator[Finding]:
    """Verify the files of changes; a line that a running broker has not finished is passed over."""
    for path in (data_dir / name for name in journal.ALL_FILES):
        try:
            content = journal.read(path)
        except FileNotFoundError:
            continue
        torn = content.following is None
        if content.rest and not (torn and online):
            what = f"line {len(content.entries) + 1} is not as it was written"
            yield Finding(path, content.size, None, what, torn)


def verify_partition(directory: Path, *, online: bool) -> Verified:
    """Verify checksums, offsets and indexes of all segments of a partition.

    A running broker removes and replaces segments; then the partition is read once more.
    """
    for _ in range(_TRIES if online else 1):
        before = _files(directory)
        try:
            verified = _verify_partition(directory, online=online)
        except FileNotFoundError:
            if not online:
                raise
            continue
        if not verified.findings or before.items() <= _files(directory).items():
            return verified
    verified = Verified(directory)
    busy = f"its segments were replaced {_TRIES} times while they were read: verify it again"
    verified.findings.append(Finding(directory, 0, 0, busy))
    return verified


def _files(directory: Path) -> dict[str, int]:
    """Return the segments' files with their inodes."""
    if not directory.is_dir():
        return {}
    with os.scandir(directory) as entries:
        suffixes = (".log", *ALL_INDEX_SUFFIXES)
        return {e.name: e.inode() for e in entries if e.name.endswith(suffixes)}


def _verify_partition(directory: Path, *, online: bool) -> Verified:
    verified = Verified(directory)
    if not directory.is_dir():
        verified.findings.append(Finding(directory, 0, 0, "the partition's directory is missing"))
        return verified
    boundaries = Boundaries.read(directory)
    bases = segment_bases(directory)
    bases = bases[len(swap.below(bases, boundaries.log_start_offset)) :]
    if boundaries.swap and swap.is_committed(directory, boundaries.swap[0]):
        what = "a compacted segment waits for its place, which the next start gives it"
        waiting = Finding(
            log_path(directory, boundaries.swap[0]), 0, boundaries.swap[0], what, True
        )
        verified.findings += [] if online else [waiting]
        first, last = boundaries.swap[0], boundaries.swap[-1]
        bases = [base for base in bases if not first <= base <= last]
    checkpoint = Checkpoint.read(directory)
    transactions = Transactions()
    next_offset: int | None = bases[0] if bases else 0
    for base in bases:
        if next_offset is not None and base != next_offset:
            apart = f"the segment does not begin at {next_offset}, where the one before it ends"
            verified.findings.append(Finding(log_path(directory, base), 0, base, apart))
        check = _SegmentCheck(
            directory,
            base,
            boundaries.gaps_below,
            transactions,
            last=base == bases[-1],
            online=online,
        )
        next_offset = check.run(verified)
        if next_offset is not None and next_offset < boundaries.gaps_below:
            next_offset = None  # the offsets behind it may have been compacted away
        if checkpoint is not None and base <= checkpoint.segment:
            sealed = base < checkpoint.segment
            limits = (checkpoint.offset_bytes, checkpoint.time_bytes)
            verified.findings += check.indexes((None, None) if sealed else limits)
            if not any(f.path.suffix == ".log" and not f.mends_itself for f in verified.findings):
                verified.findings += check.aborted(None if sealed else checkpoint)
    return verified


class _SegmentCheck:
    """Reads one segment from its first byte to its last."""

    def __init__(
        self,
        directory: Path,
        base: int,
        gaps_below: int,
        transactions: Transactions,
        *,
        last: bool,
        online: bool,
    ) -> None:
        self._path = log_path(directory, base)
        self._base = base
        self._gaps_below = gaps_below
        self._transactions = transactions  # of the segments before, too
        self._aborts: list[Abort] = []
        self._last = last
        self._online = online
        self._last_offsets: dict[int, int] = {}  # position of each batch → its last offset

    def run(self, verified: Verified) -> int | None:
        """Verify the batches; returns the offset behind the last one, null if that is not known."""
        verified.segments += 1
        fd = os.open(self._path, os.O_RDONLY)
        try:
            size = os.fstat(fd).st_size
            if size == 0:
                return self._base
            with (
                mmap.mmap(fd, size, access=mmap.ACCESS_READ) as content,
                memoryview(content) as view,
            ):
                return self._read(view, verified)
        finally:
            os.close(fd)

    def _read(self, view: memoryview, verified: Verified) -> int | None:
        position, offset = 0, self._base
        while position < len(view):
            try:
                header = valid_batch(view, position, offset, self._gaps_below)
            except InvalidBatch as bad:
                rest = bytes(view[position:])
                torn = self._last and is_torn(rest, offset)
                if not (torn and self._online):
                    finding = Finding(self._path, position, offset, bad.message, torn)
                    verified.findings.append(finding)
                return None
            self._last_offsets[position] = header.last_offset
            if header.is_transactional:
                commit = is_commit(view[position : position + header.size], header)
                abort = self._transactions.take_in(header, commit)
                self._aborts += [] if abort is None else [abort]
            verified.batches += 1
            verified.records += header.record_count
            verified.size += header.size
            position += header.size
            offset = header.last_offset + 1
        return offset

    def aborted(self, checkpoint: Checkpoint | None) -> Iterator[Finding]:
        """Yield where the aborted transactions, up to a checkpoint, do not fit the markers."""
        path = self._path.with_suffix(TXN_SUFFIX)
        rows, aborts = path.read_bytes() if path.exists() else b"", self._aborts
        if checkpoint is not None:
            rows = rows[: checkpoint.aborted_bytes]
            aborts = [abort for abort in aborts if abort.offset < checkpoint.next_offset]
        entries = AbortedIndex(rows).entries
        ends = [entry.last_offset for entry in entries]
        wrong = list(differing(entries, aborts))
        for offset, what in wrong:
            row = ends.index(offset) if offset in ends else len(ends)
            yield Finding(path, ROW_SIZE * row, offset, what)
        if not wrong and not is_format(rows):
            yield Finding(path, 0, self._base, "the index is not of Kafka's format")

    def indexes(self, limits: tuple[int | None, int | None]) -> Iterator[Finding]:
        """Yield where the indexes, up to `limits` bytes, do not lead to batches of the log."""
        paths = [self._path.with_suffix(suffix) for suffix in INDEX_SUFFIXES]
        for path in paths:
            if not path.exists():
                yield Finding(path, 0, self._base, "the index is missing")
                return
        rows, times = (p.read_bytes()[:limit] for p, limit in zip(paths, limits, strict=True))
        index = OffsetIndex(self._base, rows)
        for row in range(len(index)):
            last_offset, position = index.entry(row)
            if self._last_offsets.get(position) != last_offset:
                what = f"row {row} leads to byte {position}, where no batch ends with this offset"
                yield Finding(paths[0], 8 * row, last_offset, what)
        time_index = TimeIndex(self._base, times)
        entries = [time_index.entry(row) for row in range(len(time_index))]
        for row in range(1, len(entries)):
            if not (
                entries[row - 1][0] < entries[row][0] and entries[row - 1][1] < entries[row][1]
            ):
                what = f"row {row} is not later than the one before it"
                yield Finding(paths[1], 12 * row, entries[row][1], what)
