"""How far a partition's log is known to be good, so that a start need not read all of it.

There are two. The *recent* one is written often and never synced: it outlives a process that is
killed, as the page cache does, and counts only until the machine starts anew. The *synced* one is
written after everything that it vouches for is on the disk.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infra.broker.storage import files
from infra.broker.storage.aborted import TXN_SUFFIX
from infra.broker.storage.segment import INDEX_SUFFIXES, Segment

_RECENT = "checkpoint"
_SYNCED = "checkpoint.synced"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """Return what changes whenever the machine starts; empty where the system does not tell."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a log up to `position` in the segment that begins at `segment`.

    It vouches for older segments with their indexes, and for this one up to `position` with
    `offset_bytes`, `time_bytes` and `aborted_bytes` of index.
    """

    segment: int
    position: int
    next_offset: int
    max_timestamp: int
    max_timestamp_offset: int
    offset_bytes: int
    time_bytes: int
    producers: list[list[Any]]
    boot: str
    aborted_bytes: int = 0

    @classmethod
    def take(cls, segment: Segment, producers: list[list[object]]) -> "Checkpoint":
        """Take the state of a log whose last segment is `segment`, and write that one's index."""
        segment.write_index()
        return cls(
            segment=segment.base_offset,
            position=segment.size,
            next_offset=segment.next_offset,
            max_timestamp=segment.max_timestamp,
            max_timestamp_offset=segment.max_timestamp_offset,
            offset_bytes=segment.persisted[0],
            time_bytes=segment.persisted[1],
            producers=producers,
            boot=boot_id(),
            aborted_bytes=segment.aborted.persisted,
        )

    @classmethod
    def read(cls, directory: Path) -> "Checkpoint | None":
        """Read the newest checkpoint that can be relied on; null if there is none."""
        synced, recent = _load(directory / _SYNCED), _load(directory / _RECENT)
        if recent is None or not recent.boot or recent.boot != boot_id():
            return synced
        if synced is None or recent.next_offset > synced.next_offset:
            return recent
        return synced

    @classmethod
    def read_synced(cls, directory: Path) -> "Checkpoint | None":
        """Read the checkpoint that was written after all that it vouches for was synced."""
        return _load(directory / _SYNCED)

    @classmethod
    def of_another_boot(cls, directory: Path) -> "Checkpoint | None":
        """Read the recent checkpoint if the machine was started anew since; else null."""
        recent = _load(directory / _RECENT)
        return None if recent is None or recent.boot == boot_id() else recent

    def write_recent(self, directory: Path) -> None:
        """Replace the recent checkpoint; nothing is synced."""
        beside = directory / f"{_RECENT}.new"
        beside.write_bytes(self._content())
        beside.replace(directory / _RECENT)

    def write_synced(self, directory: Path) -> None:
        """Replace the synced checkpoint."""
        files.replace(directory / _SYNCED, self._content())

    def _content(self) -> bytes:
        return json.dumps(asdict(self)).encode()


def _load(path: Path) -> Checkpoint | None:
    try:
        return Checkpoint(**json.loads(path.read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


class SyncedCheckpoint:
    """What a synced checkpoint has to wait for, taken on the event loop, waited for in a thread."""

    def __init__(self, checkpoint: Checkpoint, unsynced: list[Segment], size: int) -> None:
        self.sealed = len(unsynced) - 1  # segments that are complete, and need no other sync
        self.size = size
        self._checkpoint = checkpoint
        self._directory = unsynced[0].path.parent
        self._fds = [os.dup(segment.fd) for segment in unsynced]
        self._indexes = [s.path.with_suffix(suffix) for s in unsynced for suffix in INDEX_SUFFIXES]
        self._indexes += [s.path.with_suffix(TXN_SUFFIX) for s in unsynced if s.aborted.persisted]

    def run(self) -> None:
        """Sync the records, then the indexes, then say so."""
        sync_and_close(self._fds)
        sync_and_close([os.open(path, os.O_RDWR) for path in self._indexes])
        files.sync_directory(self._directory)  # their names, before something relies on them
        self._checkpoint.write_synced(self._directory)


def sync_and_close(fds: list[int]) -> None:
    """Wait until all files are on the disk."""
    try:
        for fd in fds:
            files.sync_data(fd)
    finally:
        for fd in fds:
            os.close(fd)
