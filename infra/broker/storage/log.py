"""The log of one partition: segments, offsets, idempotence; no event loop, no clock."""

import os
from bisect import bisect_right
from collections.abc import Collection
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from crc32c import crc32c

from infra.broker.errors import Code, ProtocolError
from infra.broker.storage import abort_check, files, markers, records
from infra.broker.storage import batch as batches
from infra.broker.storage.aborted import TXN_SUFFIX, Aborted
from infra.broker.storage.batch import CONTROL, TRANSACTIONAL, BatchHeader, InvalidBatch
from infra.broker.storage.boundaries import Boundaries
from infra.broker.storage.checkpoint import Checkpoint, SyncedCheckpoint
from infra.broker.storage.log_settings import LogSettings
from infra.broker.storage.producers import Producers
from infra.broker.storage.segment import Segment

NO_BOUNDARIES = Boundaries()


class Appended(NamedTuple):
    """Where a batch is, whether it was there before, and the offset behind it."""

    base_offset: int
    next_offset: int
    duplicate: bool


class Tail(NamedTuple):
    """An end of the log: everything before `offset`, which lies at `position` of `segment`."""

    offset: int
    segment: Segment
    position: int


class PartitionLog:
    """Segments in order, the last one growing; readers see what lies before the high watermark."""

    def __init__(
        self,
        directory: Path,
        settings: LogSettings,
        segments: list[Segment],
        producers: Producers | None = None,
        unsynced: list[Segment] | None = None,
        boundaries: Boundaries = NO_BOUNDARIES,
    ) -> None:
        self.directory = directory
        self._settings = settings
        self.segments = segments
        self.producers = producers or Producers()
        self._unsynced = unsynced or [segments[-1]]
        self._new_entries = False  # whether the directory has segments that it may forget
        self.since_synced = 0  # bytes appended since the last synced checkpoint
        self.read_at_start = 0  # what opening it has cost, see `disk.BATCH_COST`
        self._visible = self._stable = self.tail()
        # or once a reader meets a batch of one: an index may be missing
        self._has_transactions = any(n.endswith(TXN_SUFFIX) for n in files.names(directory))
        self._segment_ms = self._longest_segment_ms()
        self.begin_at(boundaries)

    @property
    def settings(self) -> LogSettings:
        """What the log obeys; new settings count from the next batch on."""
        return self._settings

    @settings.setter
    def settings(self, settings: LogSettings) -> None:
        self._settings = settings
        self._segment_ms = self._longest_segment_ms()

    def _longest_segment_ms(self) -> int:
        """Return how long the last segment takes records; not all of a topic's roll at once."""
        longest = self._settings.segment_ms
        jitter = min(self._settings.segment_jitter_ms, longest)
        if not jitter:
            return longest
        place = f"{self.directory.name}@{self.segments[-1].base_offset}"
        return longest - crc32c(place.encode()) % jitter

    @property
    def gaps_below(self) -> int:
        """Offset below which compaction may have left gaps."""
        return self.boundaries.gaps_below

    @classmethod
    def create(cls, directory: Path, settings: LogSettings) -> "PartitionLog":
        """Create an empty log in a new directory."""
        directory.mkdir(mode=0o700, exist_ok=True)
        return cls(directory, settings, [Segment.create(directory, 0)])

    def begin_at(self, boundaries: Boundaries) -> None:
        """Obey boundaries, which are on the disk: no reader gets what lies before the start."""
        self.boundaries = boundaries
        self.start_offset = max(boundaries.log_start_offset, self.segments[0].base_offset)

    @property
    def end_offset(self) -> int:
        """Offset that the next record gets."""
        return self.segments[-1].next_offset

    @property
    def high_watermark(self) -> int:
        """Offset up to which readers see the log."""
        return self._visible.offset

    @property
    def last_stable_offset(self) -> int:
        """Offset up to which readers see the log who want no record of an open transaction."""
        return self._stable_tail().offset

    def _stable_tail(self) -> Tail:
        if not self.producers.open:
            return self._visible
        first = self.producers.first_open_offset
        if first is None or first >= self._visible.offset:
            return self._visible
        first = max(first, self.start_offset)
        segment = self.segments[self._segment_index(first)]
        if self._stable.offset != first or self._stable.segment is not segment:
            self._stable = Tail(first, segment, self._position(segment, first))
        return self._stable

    def _position(self, segment: Segment, offset: int) -> int:
        try:
            return segment.locate(offset)
        except InvalidBatch:
            segment.examine(self.gaps_below)  # what is damaged before it does not hide it
            return segment.locate(offset)

    @property
    def size(self) -> int:
        """Bytes of all records."""
        return sum(segment.size for segment in self.segments)

    def append(self, batch: memoryview, now_ms: int) -> Appended:
        """Write one batch at the end; one that an idempotent producer repeats is not written again.

        `batch` is changed: it gets the log's offsets. Raises `ProtocolError` if it is refused and
        `OSError` if the disk refuses; the log is then as before.
        """
        header = self._admit(batch)
        if header.producer_id >= 0:
            known = self.producers.duplicate_of(header)
            if known is not None:
                return Appended(known, known + header.record_count, duplicate=True)
        header = self._write(batch, header)
        if header.producer_id >= 0:
            self.producers.note(header, now_ms)
        return Appended(header.base_offset, self.end_offset, duplicate=False)

    def _write(self, batch: memoryview, header: BatchHeader) -> BatchHeader:
        last = self.segments[-1]
        if (
            last.size + len(batch) > self.settings.segment_bytes
            or header.max_timestamp - last.first_timestamp > self._segment_ms
        ):
            self.roll()
        base_offset = self.end_offset
        batches.place(batch, base_offset)
        header = header._replace(base_offset=base_offset)
        self.segments[-1].append(batch, header, self.settings.index_interval_bytes)
        self.since_synced += len(batch)
        return header

    def append_marker(self, pid: int, epoch: int, *, commit: bool, now_ms: int) -> Appended:
        """Write the marker that ends a producer's transaction here.

        From then on only batches of `epoch` or a later one are taken. Raises `OSError` if the disk
        refuses.
        """
        batch = memoryview(markers.marker(pid, epoch, commit=commit, now_ms=now_ms))
        header = self._write(batch, batches.header_at(batch))
        markers.note(self.segments[-1], self.producers, header, commit=commit, now_ms=now_ms)
        self._has_transactions |= not commit
        return Appended(header.base_offset, self.end_offset, duplicate=False)

    def _admit(self, batch: memoryview) -> BatchHeader:
        limit = self.settings.max_message_bytes
        if len(batch) > limit:
            raise ProtocolError(
                Code.MESSAGE_TOO_LARGE,
                f"a batch of {len(batch)} bytes is above max.message.bytes={limit} of this topic",
            )
        header = batches.validate(batch)
        if header.attributes & (TRANSACTIONAL | CONTROL):
            _check_transactional(header)
        if self._settings.compacts:
            records.require_keys(batch, header)
        return header

    def roll(self) -> None:
        """Begin a new segment, unless the last one is empty."""
        last = self.segments[-1]
        if last.size == 0:
            return
        following = Segment.create(self.directory, last.next_offset)
        last.seal()
        self.segments.append(following)
        self._unsynced.append(following)
        self._new_entries = True
        if self._visible.offset == following.base_offset:
            self._visible = self.tail()
        self._segment_ms = self._longest_segment_ms()

    @property
    def has_rolled(self) -> bool:
        """Whether a segment was sealed since the last synced checkpoint."""
        return len(self._unsynced) > 1

    def tail(self) -> Tail:
        """Return the present end."""
        last = self.segments[-1]
        return Tail(last.next_offset, last, last.size)

    def reveal(self, tail: Tail) -> None:
        """Let readers see the log up to `tail`."""
        self._visible = tail

    def unsynced(self) -> list[int]:
        """Return copies of the descriptors of all files to sync; the caller closes them.

        Sealed segments stay listed until a synced checkpoint, which syncs their indexes too. The
        directory is among them when a segment was added: without its name it would be lost.
        """
        fds = [os.dup(segment.fd) for segment in self._unsynced]
        if self._new_entries:
            fds.append(os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY))
            self._new_entries = False
        return fds

    def distrust(self, segment: int, position: int) -> None:
        """Take everything from `position` of the segment that begins at `segment` as not synced."""
        self._unsynced = [s for s in self.segments if s.base_offset >= segment]
        self._new_entries = True
        self.since_synced = sum(s.size for s in self._unsynced) - position

    def checkpoint(self, now_ms: int) -> Checkpoint:
        """Return what is known to be good now: everything up to the present end."""
        self.producers.expire(now_ms)
        return Checkpoint.take(self.segments[-1], self.producers.snapshot())

    def synced_checkpoint(self, now_ms: int) -> SyncedCheckpoint:
        """Return the job that makes the present end outlive the machine."""
        return SyncedCheckpoint(self.checkpoint(now_ms), self._unsynced, self.since_synced)

    def vouched(self, job: SyncedCheckpoint) -> None:
        """Note that `job` has ended well."""
        self._unsynced = self._unsynced[job.sealed :]
        self.since_synced -= job.size

    def read(
        self, offset: int, max_bytes: int, *, at_least_one: bool = True, committed: bool = False
    ) -> bytes:
        """Return whole batches from the one that holds `offset`, up to the high watermark.

        With `committed` only up to the last stable offset; `aborted` tells what to pass over in it.
        Raises `ProtocolError` for an offset outside of the log.
        """
        visible = self._visible
        if offset == visible.offset:
            return b""
        if not self.start_offset <= offset < visible.offset:
            raise ProtocolError(
                Code.OFFSET_OUT_OF_RANGE,
                f"offset {offset} is not in {self.start_offset} … {visible.offset}",
            )
        limit = self._stable_tail() if committed and self.producers.open else visible
        if offset >= limit.offset:
            return b""
        index = self._segment_index(offset)
        for segment in self.segments[index:]:
            if segment.base_offset >= limit.offset:
                break
            end = limit.position if segment is limit.segment else segment.size
            found = segment.read_from(
                offset,
                end,
                max_bytes,
                at_least_one=at_least_one,
                gaps_below=self.gaps_below,
            )
            if found is not None:
                self._has_transactions |= segment.transactional
                return found
            if segment is limit.segment:
                break
        return b""

    def aborted(self, offset: int, size: int) -> list[Aborted]:
        """Return the aborted transactions with records among the `size` bytes read at `offset`."""
        if not self._has_transactions:
            return []
        following = self.segments[self._segment_index(offset) :]
        # the batches read begin in the first segment that has any at or behind `offset`
        segment = next(s for s in following if s.locate(offset) < s.size)
        end = min(segment.end_of(segment.locate(offset) + size), self.last_stable_offset)
        deciding = abort_check.deciding(self.segments, following, end)
        return [a for s in deciding for a in s.aborted.overlapping(offset, end)]

    def _segment_index(self, offset: int) -> int:
        behind = bisect_right(self.segments, offset, key=attrgetter("base_offset"))
        return max(behind - 1, 0)

    def first_at(self, timestamp: int, *, committed: bool = False) -> tuple[int, int] | None:
        """Return (timestamp, offset) of the first visible record at or after `timestamp` (ms).

        With `committed` only up to the last stable offset.
        """
        end = self.last_stable_offset if committed else self.high_watermark
        for segment in self.segments:
            found = segment.first_at(timestamp, self.start_offset)
            if found is not None:
                return found if found[1] < end else None
        return None

    def latest_timestamp(self, *, committed: bool = False) -> tuple[int, int] | None:
        """Return (timestamp, offset) of a record with the largest timestamp, null if empty."""
        first, *others = self.segments
        largest = max(segment.largest_timestamp for segment in self.segments)
        found = self.first_at(largest, committed=committed) if largest >= 0 else None
        if found is None and largest >= 0 and self.start_offset > first.base_offset:
            # the largest one of the first segment is no longer in the log
            headers = first.headers(first.locate(self.start_offset))
            kept = max((header.max_timestamp for _, header in headers), default=-1)
            largest = max([kept, *(segment.largest_timestamp for segment in others)])
            return self.first_at(largest, committed=committed) if largest >= 0 else None
        return found

    def closed(self) -> list[Segment]:
        """Return the segments that may be removed or rewritten, oldest first.

        They are complete, seen by readers, without open transactions, and a start does not need
        them to know the producers: the synced checkpoint lies behind them.
        """
        return [
            segment
            for segment in self.segments[:-1]
            if segment.next_offset <= self.last_stable_offset
            and segment is not self._visible.segment
            and segment not in self._unsynced
        ]

    def drop(self, segments: Collection[Segment]) -> None:
        """Forget segments that are removed; a reader that is in the middle of one has its bytes."""
        self.segments = [s for s in self.segments if s not in segments]
        self.begin_at(self.boundaries)

    def replace(self, old: list[Segment], cleaned: Segment) -> None:
        """Read `cleaned` in place of the `old` segments that it was made of."""
        first = self.segments.index(old[0])
        self.segments[first : first + len(old)] = [cleaned]

    def close(self) -> None:
        """Close all files."""
        for segment in self.segments:
            segment.close()


def _check_transactional(header: BatchHeader) -> None:
    if header.is_control:
        raise ProtocolError(Code.INVALID_RECORD, "only the broker itself writes markers")
    if header.producer_id < 0:
        raise ProtocolError(Code.INVALID_RECORD, "a transactional batch without a producer id")
