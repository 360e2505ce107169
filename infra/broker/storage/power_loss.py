"""What a start makes of a log whose machine lost power: what was not synced may be gone.

A disk writes what was not synced in any order: a page may be missing before one that is there, and
a segment before the next. What lies behind the first gap is then no log any more; it is set aside.
"""

import logging
import os
from pathlib import Path

from infra.broker.errors import BrokerError
from infra.broker.storage import files
from infra.broker.storage.checkpoint import Checkpoint, boot_id, sync_and_close
from infra.broker.storage.log import PartitionLog
from infra.broker.storage.segment import ALL_INDEX_SUFFIXES, Segment, log_path

_LOG = logging.getLogger(__name__)
_SECTOR = 512  # what a disk writes whole
_ASIDE = ".cut"
FILE = "boot"  # the machine's start in which the directory was last served


def served_now(data_dir: Path) -> None:
    """Write down that every log is open and settled since the machine started."""
    path = data_dir / FILE
    if boot_id() and not (path.exists() and path.read_text() == boot_id()):
        files.replace(path, boot_id().encode())


def _machine_went_down(directory: Path) -> bool:
    """Whether the machine was started anew since the log of `directory` was last served.

    Or another entry of the data directory.
    """
    path = directory.parent / FILE
    return path.exists() and path.read_text() != boot_id()


def settle(log: PartitionLog) -> None:
    """Name what was lost, and sync what readers and repeating producers will be told is there."""
    synced = Checkpoint.read_synced(log.directory)
    bases = [segment.base_offset for segment in log.segments]
    if synced is not None and synced.segment in bases:
        log.distrust(synced.segment, synced.position)
    else:
        log.distrust(0, 0)
    before = Checkpoint.of_another_boot(log.directory)
    if before is not None and before.next_offset > log.end_offset:
        _LOG.error(
            "%s: offsets %d … %d at least are lost: they were not on the disk when the machine "
            "went down",
            log.directory.name,
            log.end_offset,
            before.next_offset - 1,
        )
    if log.settings.flush_messages == 1 and log.since_synced:
        try:
            sync_and_close(log.unsynced())
        except OSError as error:
            raise BrokerError(
                f"{log.directory} can't be synced ({error.strerror}): mend the disk first."
            ) from error


def explains(segment: Segment, flush_messages: int, content: bytes, *, torn: bool) -> bool:
    """Whether a power loss may have left batches, or segments, behind a gap at the segment's end.

    Never where each batch is synced before it is acknowledged. A gap in the middle of a segment
    must be one that a disk leaves: sectors of zeros.
    """
    if flush_messages == 1 or not _machine_went_down(segment.path.parent):
        return False
    first = -segment.size % _SECTOR
    sectors = (content[at : at + _SECTOR] for at in range(first, len(content), _SECTOR))
    return torn or any(sector == bytes(_SECTOR) for sector in sectors)


def explains_hole(path: Path, position: int, hole: bytes) -> bool:
    """Whether a power loss may have left `hole` at `position` of a text in the data directory.

    A disk leaves zeros up to the end of a sector; a text has none.
    """
    if not _machine_went_down(path):
        return False
    ends = range(_SECTOR - position % _SECTOR, len(hole) + 1, _SECTOR)
    return any(hole[end - 1] == 0 for end in ends)


def copy_aside(path: Path, position: int, content: bytes) -> Path:
    """Copy what is to be cut off at `position` of a file; returns where it is now."""
    aside = path.with_suffix(f".{position}{_ASIDE}")
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        files.write_at(fd, content, 0)
        os.fsync(fd)
    finally:
        os.close(fd)
    return aside


def set_aside(segment: Segment, content: bytes, following: list[int]) -> None:
    """Move what lies behind the segment's last good batch, and all later segments, out of the way.

    `content` is copied before it is cut off; nothing that a disk still has is thrown away.
    """
    directory = segment.path.parent
    if content:
        copy_aside(segment.path, segment.size, content)
        os.ftruncate(segment.fd, segment.size)
    for base in following:
        path = log_path(directory, base)
        path.replace(path.with_suffix(f".0{_ASIDE}"))
        for suffix in ALL_INDEX_SUFFIXES:
            path.with_suffix(suffix).unlink(missing_ok=True)
    files.sync_directory(directory)
    _LOG.error(
        "%s: the machine went down while batches were being written: the log ends at offset %d, "
        "and what was found behind a gap at byte %d of %s was set aside (*%s)",
        directory.name,
        segment.next_offset,
        segment.size,
        segment.path,
        _ASIDE,
    )
