"""Putting a cleaned segment in the place of those it was made of, and removing segments.

A crash at any point leaves the old segments or the new one. Kafka's suffixes say how far it came:
`.cleaned` is being written, `.swap` is complete and takes the place of the old ones.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from infra.broker.storage import files
from infra.broker.storage.boundaries import Boundaries
from infra.broker.storage.segment import ALL_INDEX_SUFFIXES, log_path

CLEANED, SWAP = ".cleaned", ".swap"
_SUFFIXES = (*ALL_INDEX_SUFFIXES, ".log")  # the log last: once it has its name, the rest has, too


def paths(directory: Path, base_offset: int, ending: str = "") -> Iterator[Path]:
    """Yield the files of a segment, indexes first."""
    log = log_path(directory, base_offset)
    for suffix in _SUFFIXES:
        yield log.with_name(f"{log.stem}{suffix}{ending}")


def commit(directory: Path, base_offset: int) -> None:
    """Make the cleaned segment the one that counts: from here on a start goes on with it."""
    for path in paths(directory, base_offset, CLEANED):
        if path.exists():  # one without aborted transactions has no index of them
            path.replace(path.with_suffix(SWAP))
    files.sync_directory(directory)


def finish(directory: Path, covers: Sequence[int]) -> None:
    """Remove the old segments and give the new one its name; may be done again and again."""
    for base in covers[1:]:
        remove(directory, [base])
    files.sync_directory(directory)
    for path in paths(directory, covers[0], SWAP):
        if path.exists():
            path.replace(path.with_suffix(""))
    files.sync_directory(directory)


def remove(directory: Path, bases: Sequence[int]) -> None:
    """Remove segments, oldest first; an index without a log is removed by the next start."""
    for base in bases:
        for path in reversed(list(paths(directory, base))):
            path.unlink(missing_ok=True)


def recover(directory: Path, boundaries: Boundaries) -> None:
    """Finish what a crash has interrupted, or remove what it has left."""
    if boundaries.swap and is_committed(directory, boundaries.swap[0]):
        finish(directory, boundaries.swap)
    discard(directory)


def is_committed(directory: Path, base_offset: int) -> bool:
    """Whether a cleaned segment waits for its place."""
    return log_path(directory, base_offset).with_suffix(".log" + SWAP).exists()


def discard(directory: Path) -> None:
    """Remove cleaned segments that did not come to count, and indexes without a log."""
    names = files.names(directory)
    for name in names:
        stem, dot, suffix = name.rpartition(".")
        unfinished = dot + suffix in {CLEANED, SWAP}
        orphan = dot + suffix in ALL_INDEX_SUFFIXES and f"{stem}.log" not in names
        if unfinished or orphan:
            (directory / name).unlink(missing_ok=True)


def below(bases: Sequence[int], start_offset: int) -> list[int]:
    """Return which of the segments lie wholly before the start of their log."""
    following = list(bases[1:])
    return [base for base, end in zip(bases, following, strict=False) if end <= start_offset]
