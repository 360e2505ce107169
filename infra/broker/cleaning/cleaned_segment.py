"""A segment that compaction writes beside those it replaces, with its indexes."""

import os
from pathlib import Path

from infra.broker.cleaning import swap
from infra.broker.storage import batch as batches
from infra.broker.storage import files
from infra.broker.storage.aborted import TXN_SUFFIX, AbortedIndex
from infra.broker.storage.checkpoint import sync_and_close
from infra.broker.storage.segment import ALL_INDEX_SUFFIXES, Segment, log_path


class CleanedSegment:
    """Takes batches in the order of their offsets, which may have gaps."""

    def __init__(self, directory: Path, base_offset: int, index_interval: int) -> None:
        self._directory = directory
        self._paths = list(swap.paths(directory, base_offset, swap.CLEANED))
        self._index_interval = index_interval
        self._segment = Segment(directory, base_offset)
        self._segment.begin_index()
        # a process that was to end with its broker may still hold files of the same names
        for path in self._paths:
            path.unlink(missing_ok=True)
        self._log = self._paths[-1].open("xb")

    def append(self, batch: bytes | memoryview) -> None:
        """Write a batch."""
        self._log.write(batch)
        self._segment.note(batches.header_at(batch), self._index_interval)

    def keep_aborted(self, base_offset: int) -> None:
        """Take over what is known of aborted transactions in a segment: their records may stay."""
        path = log_path(self._directory, base_offset).with_suffix(TXN_SUFFIX)
        self._segment.aborted.entries += AbortedIndex.load(path).entries

    def complete(self) -> None:
        """Put everything on the disk."""
        self._sync_log()
        segment = self._segment
        path = self._paths[ALL_INDEX_SUFFIXES.index(TXN_SUFFIX)]
        if segment.aborted.write(path):
            sync_and_close([os.open(path, os.O_RDWR)])
        segment.times.append(segment.max_timestamp, segment.max_timestamp_offset)
        for path, rows in zip(
            self._paths, (segment.offsets.rows, segment.times.rows), strict=False
        ):
            with path.open("xb") as file:
                file.write(rows)
                file.flush()
                files.sync_data(file.fileno())

    def _sync_log(self) -> None:
        self._log.flush()
        files.sync_data(self._log.fileno())
        self._log.close()

    def discard(self) -> None:
        """Remove what was written."""
        self._log.close()
        self._paths[-1].unlink()
