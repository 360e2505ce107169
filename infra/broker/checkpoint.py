"""How far a partition's log is known to be good, so that a start need not read all of it."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infra.broker import files
from infra.broker.segment import INDEX_SUFFIXES, Segment

_NAME = "checkpoint"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a log up to `position` in the segment that begins at `segment`.

    Everything before is on the disk: older segments with their indexes, this one up to `position`
    with `offset_bytes` and `time_bytes` of index.
    """

    segment: int
    position: int
    next_offset: int
    max_timestamp: int
    max_timestamp_offset: int
    offset_bytes: int
    time_bytes: int
    producers: list[list[Any]]

    @classmethod
    def read(cls, directory: Path) -> "Checkpoint | None":
        """Read the checkpoint of a partition; null if there is none that can be read."""
        try:
            return cls(**json.loads((directory / _NAME).read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write(self, directory: Path) -> None:
        """Replace the checkpoint of a partition."""
        files.replace(directory / _NAME, json.dumps(asdict(self)).encode())


class CheckpointJob:
    """What a checkpoint has to wait for, taken on the event loop and waited for in a thread."""

    def __init__(
        self, segment: Segment, unsynced: list[Segment], producers: list[list[object]]
    ) -> None:
        segment.write_index()
        self._directory = segment.path.parent
        self._fds = [os.dup(s.fd) for s in unsynced]
        self._indexes = [s.path.with_suffix(e) for s in unsynced for e in INDEX_SUFFIXES]
        self._checkpoint = Checkpoint(
            segment=segment.base_offset,
            position=segment.size,
            next_offset=segment.next_offset,
            max_timestamp=segment.max_timestamp,
            max_timestamp_offset=segment.max_timestamp_offset,
            offset_bytes=segment.persisted[0],
            time_bytes=segment.persisted[1],
            producers=producers,
        )

    def run(self) -> None:
        """Sync the records, then the indexes, then say so in the checkpoint."""
        sync_and_close(self._fds)
        sync_and_close([os.open(path, os.O_RDWR) for path in self._indexes])
        self._checkpoint.write(self._directory)


def sync_and_close(fds: list[int]) -> None:
    """Wait until all files are on the disk."""
    try:
        for fd in fds:
            files.sync_data(fd)
    finally:
        for fd in fds:
            os.close(fd)
