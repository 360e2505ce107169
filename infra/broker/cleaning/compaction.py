"""Compaction of closed segments: of each key the newest record stays, at its offset.

`python -m` runs it in a process of its own, at the lowest priority: reading records is work for the
processor, which would keep the broker's clients waiting. It reads a task as a line of JSON, writes
cleaned segments beside the old ones, and tells of each in a line; the broker puts them in place.
"""

import json
import mmap
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.broker.cleaning.cleaned_segment import CleanedSegment
from infra.broker.cleaning.key_offsets import KeyOffsets, intact_records
from infra.broker.errors import LogDamaged
from infra.broker.storage import batch as batches
from infra.broker.storage.aborted import Aborted
from infra.broker.storage.batch import BatchHeader, InvalidBatch
from infra.broker.storage.records import Record, with_records
from infra.broker.storage.segment import log_path

MAX_KEYS = 1_000_000  # about 200 MB; what does not fit is compacted the next time
_LARGEST_SPAN = 2**31 - 1  # of offsets in a segment, for its index


@dataclass(frozen=True, slots=True)
class Task:
    """What to compact: closed segments from the oldest on, `bases`, which end before `end`.

    Records from `first_dirty` on are new since the last time; those of `aborted` transactions do
    not count. A batch in `last_batches`, the last one of its producer, stays even if no record of
    it does.
    """

    directory: str
    bases: tuple[int, ...]
    end: int
    first_dirty: int
    last_batches: tuple[int, ...]
    segment_bytes: int
    index_interval_bytes: int
    delete_retention_ms: int
    now_ms: int
    aborted: tuple[Aborted, ...] = ()
    max_keys: int = MAX_KEYS

    @classmethod
    def of(cls, fields: dict[str, Any]) -> "Task":
        """Return the task that JSON described."""
        lists = ("bases", "last_batches")
        aborted = tuple(Aborted(*row) for row in fields["aborted"])
        return cls(**fields | {name: tuple(fields[name]) for name in lists} | {"aborted": aborted})


@dataclass(frozen=True, slots=True)
class Replaced:
    """A cleaned segment that is complete beside the `covers` it was made of; they end at `end`."""

    covers: tuple[int, ...]
    end: int


@dataclass(frozen=True, slots=True)
class Compacted:
    """The end of the work: records below `clean_below` have been compared with each other."""

    clean_below: int


def compact(task: Task) -> Iterator[Replaced | Compacted]:
    """Write cleaned segments, oldest first.

    Raises `LogDamaged` at what is not intact, `FileNotFoundError` at a segment that was removed.
    """
    directory = Path(task.directory)
    ends = dict(zip(task.bases, (*task.bases[1:], task.end), strict=True))
    keys = KeyOffsets(task.aborted)
    covered: list[int] = []
    for base, end in ends.items():
        if end > task.first_dirty:
            if len(keys) > task.max_keys:
                break
            for batch, header in _batches(directory, base):
                if header.last_offset >= task.first_dirty:
                    keys.take_in(batch)
        covered.append(base)
    for group in _groups(task, directory, covered):
        if _clean(task, directory, group, keys):
            yield Replaced(tuple(group), ends[group[-1]])
    yield Compacted(ends[covered[-1]])


def _groups(task: Task, directory: Path, bases: list[int]) -> Iterator[list[int]]:
    """Yield neighbours that fit into one segment: compaction leaves small ones."""
    group: list[int] = []
    size = 0
    ends = (*bases[1:], task.end)
    for base, end in zip(bases, ends, strict=True):
        more = log_path(directory, base).stat().st_size
        if group and (size + more > task.segment_bytes or end - group[0] > _LARGEST_SPAN):
            yield group
            group, size = [], 0
        group.append(base)
        size += more
    yield group


def _clean(task: Task, directory: Path, group: list[int], keys: KeyOffsets) -> bool:
    """Write a group's cleaned segment; returns whether it differs from the one segment it is of."""
    cleaned = CleanedSegment(directory, group[0], task.index_interval_bytes)
    changed = len(group) > 1
    try:
        for base in group:
            cleaned.keep_aborted(base)
            for batch, header in _batches(directory, base):
                kept = kept_of(batch, header, keys, task)
                changed = changed or kept is not batch
                if kept is not None:
                    cleaned.append(kept)
    except BaseException:
        cleaned.discard()
        raise
    if changed:
        cleaned.complete()
    else:
        cleaned.discard()
    return changed


def kept_of(
    batch: memoryview, header: BatchHeader, keys: KeyOffsets, task: Task
) -> memoryview | bytes | None:
    """Return what stays of a batch: itself, one with fewer records, an empty one, or nothing.

    A transaction's markers stay. Tombstones stay for `delete.retention.ms` from the first
    compaction that meets them.
    """
    if header.is_control:
        return batch
    found = intact_records(batch)
    horizon = header.delete_horizon
    gone = horizon is not None and horizon <= task.now_ms
    kept = [r for r in found if not keys.is_outdated(r) and not (gone and r.is_tombstone)]
    if not kept and header.base_offset not in task.last_batches:
        return None
    if horizon is None and _has_tombstone(kept):
        horizon = task.now_ms + task.delete_retention_ms
    if len(kept) == len(found) and horizon == header.delete_horizon:
        return batch
    return with_records(header, kept, horizon if kept else None)


def _has_tombstone(found: list[Record]) -> bool:
    return any(record.is_tombstone for record in found)


def _batches(directory: Path, base: int) -> Iterator[tuple[memoryview, BatchHeader]]:
    """Yield the batches of a segment, each of which is intact and valid while it is worked on."""
    path = log_path(directory, base)
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            return
        with (
            mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as content,
            memoryview(content) as view,
        ):
            position = 0
            while position < size:
                header = None
                try:
                    header = batches.header_at(view, position)
                    with view[position : position + header.size] as batch:
                        batches.intact(batch)
                        yield batch, header
                except InvalidBatch as bad:
                    offset = header.base_offset if header else base
                    raise LogDamaged(path, position, offset, bad.message) from bad
                position += header.size


def _end_with_the_broker() -> None:
    """End at once when the broker does: a new one may work on the same files."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


def main() -> int:
    """Do the task on standard input; returns the exit code."""
    os.nice(19)
    task = Task.of(json.loads(sys.stdin.buffer.readline()))
    threading.Thread(target=_end_with_the_broker, daemon=True).start()
    try:
        for done in compact(task):
            match done:
                case Replaced(covers, end):
                    print(json.dumps({"covers": covers, "end": end}), flush=True)  # noqa: T201
                case Compacted(clean_below):
                    print(json.dumps({"clean_below": clean_below}), flush=True)  # noqa: T201
    except FileNotFoundError as missing:  # the broker knows whether it has removed the segment
        print(json.dumps({"missing": str(missing.filename)}), flush=True)  # noqa: T201
    except LogDamaged as damaged:
        print(json.dumps({"damaged": str(damaged)}), flush=True)  # noqa: T201
        return damaged.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
