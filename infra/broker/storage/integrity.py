"""Which bytes of a segment this process knows to be good, and the check of those it does not know.

What was appended or scanned by this process counts as good; what an earlier one wrote is checked
when it is first read, and once.
"""

import os
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from infra.broker.errors import Code, ProtocolError
from infra.broker.storage import batch as batches
from infra.broker.storage.batch import HEADER_SIZE, BatchHeader, InvalidBatch

_MOST_RANGES = 256
WINDOW = 1 << 20  # read at once when a segment is examined
# leader epoch and magic, which every batch of ours has at byte 12
MARK = batches.LEADER_EPOCH.to_bytes(4, "big") + b"\x02"
MARK_AT = 12


class Damage(NamedTuple):
    """Bytes that are no batches: [position, end), in place of offsets [offset, next_offset)."""

    path: Path
    position: int
    end: int
    offset: int
    next_offset: int
    what: str

    def __str__(self) -> str:
        topic, _, partition = self.path.parent.name.rpartition("-")
        return (
            f"{topic}[{partition}]@{self.offset} is damaged: {self.path} byte {self.position}: "
            f"{self.what}; offsets {self.offset} … {self.next_offset - 1} can't be read, the others"
            " can. Restore the file from a copy."
        )


class Damaged(ProtocolError):
    """An offset is asked for that lies in damaged bytes."""

    def __init__(self, damage: Damage) -> None:
        super().__init__(Code.CORRUPT_MESSAGE, str(damage))
        self.damage = damage


class Known:
    """Ranges of a segment's bytes that were found good; from `tail` on all of them are."""

    __slots__ = ("_ends", "_starts", "tail")

    def __init__(self, tail: int = 0) -> None:
        self.tail = tail
        self._starts: list[int] = []
        self._ends: list[int] = []

    def covers(self, start: int, end: int) -> bool:
        """Whether all bytes of [start, end) are known to be good."""
        if start >= self.tail:
            return True
        row = bisect_right(self._starts, start) - 1
        return row >= 0 and (end <= self._ends[row] or self._ends[row] >= self.tail)

    def add(self, start: int, end: int) -> None:
        """Note that [start, end) is good; ranges that touch become one."""
        if len(self._starts) >= _MOST_RANGES:
            self._starts, self._ends = [], []  # a reader that jumps about: it is checked again
        first = row = bisect_right(self._ends, start - 1)
        while row < len(self._starts) and self._starts[row] <= end:
            start, end = min(start, self._starts[row]), max(end, self._ends[row])
            row += 1
        self._starts[first:row] = [start]
        self._ends[first:row] = [end]

    def forget(self, tail: int) -> None:
        """Know nothing any more of what lies before `tail`."""
        self._starts, self._ends = [], []
        self.tail = tail


def chain(
    view: memoryview, offset: int, *, gaps_below: int = 0
) -> Iterator[tuple[int, BatchHeader]]:
    """Yield (position, header) of batches that follow each other from `offset` on, all intact.

    Raises `InvalidBatch` at the first that is not. Offset and leader epoch lie outside of the
    checksum, so they are compared: offsets below `gaps_below` may be missing, others not.
    """
    check = batches.intact if gaps_below else batches.validate
    position = 0
    while position < len(view):
        header = batches.header_at(view, position)
        if header.size < HEADER_SIZE or position + header.size > len(view):
            raise InvalidBatch(f"a batch with a length of {header.length} bytes")
        check(view[position : position + header.size])
        gap = header.base_offset != offset and offset >= gaps_below
        if header.base_offset < offset or gap:
            raise InvalidBatch(f"offset {header.base_offset} where {offset} was expected")
        if header.leader_epoch != batches.LEADER_EPOCH:
            raise InvalidBatch(f"leader epoch {header.leader_epoch}")
        yield position, header
        position += header.size
        offset = header.last_offset + 1


class Extent(NamedTuple):
    """What a segment must hold: batches from `base_offset` up to `next_offset` in `size` bytes."""

    path: Path
    base_offset: int
    next_offset: int
    size: int
    gaps_below: int = 0


def examine(fd: int, extent: Extent) -> Iterator[Damage | None]:
    """Read a segment, and yield the damages in it, and null after each stretch of some MB.

    A damaged batch hides no others: the next intact one is looked for. It reads from `fd`, because
    compaction may have given the name to another file.
    """
    yield from _Examination(fd, extent).run()


class _Examination:
    """Reads a segment in windows, from batch to batch."""

    def __init__(self, fd: int, extent: Extent) -> None:
        self._fd = fd
        self._of = extent
        self._start = 0  # where the window lies
        self._window = b""

    def run(self) -> Iterator[Damage | None]:
        position, offset, paused = 0, self._of.base_offset, 0
        while position < self._of.size:
            try:
                header = self._following(position, offset)
            except InvalidBatch as bad:
                end, following = self._resume(position + 1, offset)
                yield Damage(self._of.path, position, end, offset, following, bad.message)
                position, offset = end, following
            else:
                position, offset = position + header.size, header.last_offset + 1
            if position - paused > WINDOW:
                paused = position
                yield None

    def _following(self, position: int, offset: int) -> BatchHeader:
        header = self._intact(position)
        gap = header.base_offset > offset and header.last_offset >= self._of.gaps_below
        if gap or header.base_offset < offset:
            raise InvalidBatch(f"offset {header.base_offset} where {offset} was expected")
        return header

    def _bytes(self, position: int, length: int) -> memoryview:
        """Return bytes of the file; fewer where it ends."""
        length = min(length, self._of.size - position)
        if position < self._start or position + length > self._start + len(self._window):
            self._start = position
            self._window = os.pread(self._fd, max(length, WINDOW), position)
        first = position - self._start
        return memoryview(self._window)[first : first + length]

    def _intact(self, position: int) -> BatchHeader:
        header = batches.header_at(self._bytes(position, HEADER_SIZE))
        if header.size < HEADER_SIZE or position + header.size > self._of.size:
            raise InvalidBatch(f"a batch with a length of {header.length} bytes")
        check = batches.intact if self._of.gaps_below else batches.validate
        check(self._bytes(position, header.size))
        if header.leader_epoch != batches.LEADER_EPOCH:
            raise InvalidBatch(f"leader epoch {header.leader_epoch}")
        return header

    def _resume(self, position: int, offset: int) -> tuple[int, int]:
        """Return position and offset of the next intact batch behind a damaged one."""
        while position < self._of.size:
            content = bytes(self._bytes(position, WINDOW))
            mark = content.find(MARK, MARK_AT)
            while mark >= 0:
                try:
                    header = self._intact(position + mark - MARK_AT)
                except InvalidBatch:
                    pass  # the mark is also found inside of records
                else:
                    if offset < header.base_offset and header.last_offset < self._of.next_offset:
                        return position + mark - MARK_AT, header.base_offset
                mark = content.find(MARK, mark + 1)
            position += max(len(content) - len(MARK) - MARK_AT + 1, 1)
        return self._of.size, self._of.next_offset
