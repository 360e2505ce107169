"""Opening a partition's log: what lies behind its checkpoint is read, checked and indexed again."""

import logging
import mmap
import os
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from infra.broker.cleaning import swap
from infra.broker.errors import LogDamaged, NoSegments
from infra.broker.storage import batch as batches
from infra.broker.storage import files, markers, power_loss
from infra.broker.storage.batch import HEADER_SIZE, BatchHeader, InvalidBatch
from infra.broker.storage.boundaries import Boundaries
from infra.broker.storage.checkpoint import Checkpoint
from infra.broker.storage.disk import BATCH_COST
from infra.broker.storage.integrity import MARK, MARK_AT
from infra.broker.storage.log import PartitionLog
from infra.broker.storage.log_settings import LogSettings
from infra.broker.storage.producers import Producers
from infra.broker.storage.segment import ALL_INDEX_SUFFIXES, Segment

_LOG = logging.getLogger(__name__)
_NAME = re.compile(r"\d{20}\.log")


def segment_bases(directory: Path) -> list[int]:
    """Return the base offsets of the segments in a partition's directory, in order."""
    return sorted(int(name[:20]) for name in files.names(directory) if _NAME.fullmatch(name))


def open_log(directory: Path, settings: LogSettings, now_ms: int) -> PartitionLog:
    """Open a log as its last process left it; a torn batch at its end is cut away.

    Raises `LogDamaged` if a cut would lose intact batches.
    """
    boundaries = Boundaries.read(directory)
    swap.recover(directory, boundaries)
    bases = segment_bases(directory)
    gone = swap.below(bases, boundaries.log_start_offset)
    swap.remove(directory, gone)
    bases = bases[len(gone) :]
    if not bases:
        if boundaries != Boundaries():
            raise NoSegments(directory, boundaries.log_start_offset)
        return PartitionLog.create(directory, settings)
    checkpoint = Checkpoint.read(directory)
    if checkpoint is None or checkpoint.segment not in bases:
        checkpoint = None
    elif log_size(directory, checkpoint.segment) < checkpoint.position:
        _LOG.error(
            "%s is shorter than its checkpoint (%d bytes): records were lost outside of the broker",
            directory.name,
            checkpoint.position,
        )
        checkpoint = None
    first = bases.index(checkpoint.segment) if checkpoint else 0
    sealed = [
        Segment.sealed(directory, base, following)
        for base, following in pairwise(bases[: first + 1])
    ]
    scan = _Scan(directory, settings, checkpoint, now_ms, boundaries.gaps_below)
    scanned = scan.run(bases[first:])
    if scanned[-1].next_offset < boundaries.log_start_offset:
        sealed, scanned = [], [_begin_again(directory, boundaries, scanned)]
    boundaries = replace(boundaries, swap=())
    log = PartitionLog(directory, settings, sealed + scanned, scan.producers, scanned, boundaries)
    log.read_at_start = scan.cost
    power_loss.settle(log)
    return log


def _begin_again(directory: Path, boundaries: Boundaries, lost: list[Segment]) -> Segment:
    """Return a new segment for a log that ends before its start, which only a lost tail explains.

    All of it was deleted on request; no offset is given twice.
    """
    start = boundaries.log_start_offset
    _LOG.error(
        "%s ends at offset %d, but begins at %d: its tail was lost outside of the broker",
        directory.name,
        lost[-1].next_offset,
        start,
    )
    for segment in lost:
        segment.close()
    first = Segment.create(directory, start)
    swap.remove(directory, [base for base in segment_bases(directory) if base < start])
    return first


def log_size(directory: Path, base_offset: int) -> int:
    """Return the size of a segment's log file."""
    return (directory / f"{base_offset:020d}.log").stat().st_size


class _Scan:
    """Reads segments from a checkpoint to the end of the log."""

    def __init__(
        self,
        directory: Path,
        settings: LogSettings,
        checkpoint: Checkpoint | None,
        now_ms: int,
        gaps_below: int,
    ) -> None:
        self._directory = directory
        self._settings = settings
        self._checkpoint = checkpoint
        self._now_ms = now_ms
        self._gaps_below = gaps_below
        self.cost = 0  # bytes, and `BATCH_COST` for each batch
        self.producers = Producers.restore(checkpoint.producers) if checkpoint else Producers()

    def run(self, bases: list[int]) -> list[Segment]:
        segments: list[Segment] = []
        for place, base in enumerate(bases):
            segment = self._open(base)
            segments.append(segment)
            why = self._read(segment)
            if why is not None:
                self._cut(segment, why, bases[place + 1 :])
                break
            if place + 1 < len(bases):
                following = bases[place + 1]
                if segment.next_offset < following <= self._gaps_below:
                    segment.next_offset = following
                if segment.next_offset != following:
                    why = f"the next segment begins at {following}"
                    self._cut(segment, why, bases[place + 1 :])
                    break
                segment.seal()
        return segments

    def _open(self, base: int) -> Segment:
        segment = Segment(self._directory, base)
        known = self._checkpoint
        if known is None or known.segment != base:
            segment.begin_index()
            return segment
        paths = [segment.path.with_suffix(suffix) for suffix in ALL_INDEX_SUFFIXES]
        sizes = known.offset_bytes, known.time_bytes, known.aborted_bytes
        rows = [
            path.read_bytes()[:size] if size and path.exists() else b""
            for path, size in zip(paths, sizes, strict=True)
        ]
        segment.begin_index(*rows)
        # where that of aborted transactions is missing, it is made anew when it is needed
        segment.writes_aborted = not known.aborted_bytes
        missing = [p for p, size in zip(paths[:2], sizes, strict=False) if size and not p.exists()]
        segment.size, segment.next_offset = known.position, known.next_offset
        if missing:
            segment.index_anew(f"{missing[0]} is missing")
            segment.persisted = (0, 0)
        segment.known.forget(known.position)  # a start does not read what lies before
        segment.max_timestamp = known.max_timestamp
        segment.max_timestamp_offset = known.max_timestamp_offset
        return segment

    def _read(self, segment: Segment) -> str | None:
        """Take in the batches behind `segment.size`; returns what is wrong with a bad one."""
        size = os.fstat(segment.fd).st_size
        if size == segment.size:
            return None
        with (
            mmap.mmap(segment.fd, size, access=mmap.ACCESS_READ) as content,
            memoryview(content) as view,
        ):
            while segment.size < size:
                try:
                    header = valid_batch(view, segment.size, segment.next_offset, self._gaps_below)
                except InvalidBatch as bad:
                    return bad.message
                commit = markers.is_commit(view[segment.size : segment.size + header.size], header)
                segment.note(header, self._settings.index_interval_bytes)
                self.cost += header.size + BATCH_COST
                if commit is not None:
                    markers.note(
                        segment, self.producers, header, commit=commit, now_ms=self._now_ms
                    )
                elif header.producer_id >= 0:
                    self.producers.note(header, self._now_ms)
        return None

    def _cut(self, segment: Segment, why: str, following: list[int]) -> None:
        """Cut away a torn tail, after making sure that nothing valid follows it."""
        size = os.fstat(segment.fd).st_size
        content = os.pread(segment.fd, size - segment.size, segment.size)
        torn = is_torn(content, segment.next_offset)
        if not torn or any(log_size(self._directory, base) for base in following):
            if not power_loss.explains(segment, self._settings.flush_messages, content, torn=torn):
                raise LogDamaged(segment.path, segment.size, segment.next_offset, why)
            power_loss.set_aside(segment, content, following)
            return
        _LOG.warning(
            "%s: cut %d bytes of a torn batch at byte %d (%s)",
            segment.path,
            size - segment.size,
            segment.size,
            why,
        )
        os.ftruncate(segment.fd, segment.size)
        for base in following:
            (self._directory / f"{base:020d}.log").unlink()


def valid_batch(
    view: memoryview, position: int, expected_offset: int, gaps_below: int = 0
) -> BatchHeader:
    """Return the header of the intact batch at `position`; raises `InvalidBatch`.

    Offset and leader epoch lie outside of the checksum, so they are compared. Below `gaps_below`,
    where the log was compacted, offsets rise; from there on there are no gaps.
    """
    header = intact_batch(view, position)
    compacted = expected_offset < gaps_below and header.last_offset < gaps_below
    if header.base_offset < expected_offset or (
        header.base_offset > expected_offset and not compacted
    ):
        raise InvalidBatch(f"offset {header.base_offset} where {expected_offset} was expected")
    if header.record_count <= header.last_offset_delta and not compacted:
        raise InvalidBatch(f"{header.record_count} records up to offset {header.last_offset}")
    if header.leader_epoch != batches.LEADER_EPOCH:
        raise InvalidBatch(f"leader epoch {header.leader_epoch} instead of {batches.LEADER_EPOCH}")
    return header


def intact_batch(view: memoryview, position: int) -> BatchHeader:
    """Return the header of the batch at `position`, which is complete and has its checksum."""
    header = batches.header_at(view, position)
    if header.length < HEADER_SIZE - batches.LOG_OVERHEAD:
        raise InvalidBatch(f"a batch with a length of {header.length} bytes")
    if position + header.size > len(view):
        missing = position + header.size - len(view)
        raise InvalidBatch(f"the last {missing} bytes of a batch of {header.size} are missing")
    batches.intact(view[position : position + header.size])
    return header


def is_torn(content: bytes, least_offset: int) -> bool:
    """Whether `content`, which does not begin as it must, is what a cut-off write leaves.

    It is not if it begins with an intact batch, or if one at `least_offset` or later lies anywhere
    in it: then cutting would lose records.
    """
    view = memoryview(content)
    mark = content.find(MARK, MARK_AT)
    while mark >= 0:
        try:
            found = intact_batch(view, mark - MARK_AT)
        except InvalidBatch:
            pass  # the mark is also found inside of records
        else:
            if mark == MARK_AT or found.base_offset >= least_offset:
                return False
        mark = content.find(MARK, mark + 1)
    return True
