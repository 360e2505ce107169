"""A segment that compaction writes beside those it replaces, with its indexes."""

from pathlib import Path

from infra.broker import batch as batches
from infra.broker import files, swap
from infra.broker.segment import Segment


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

    def complete(self) -> None:
        """Put everything on the disk."""
        self._sync_log()
        segment = self._segment
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
