"""The scrub: a slow pass over closed segments that finds bytes which changed on the disk."""

import asyncio
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from infra.broker.storage.integrity import WINDOW, Damage, Extent, examine
from infra.broker.storage.partition import Partition
from infra.broker.storage.segment import Segment
from infra.broker.storage.topics import Topics
from infra.clock import utc_micros

_LOG = logging.getLogger(__name__)
FILE = "scrub.json"
_BUSY = 0.02  # of one core, at most
_KEPT_FINDINGS = 100


@dataclass(frozen=True, slots=True)
class Pace:
    """When passes begin (s after the start; days between them) and how fast they read (bytes/s)."""

    after_s: float = 60.0
    every_days: float = 7.0
    bytes_per_s: float = 20e6


class Finding(NamedTuple):
    """A damage as `broker status` tells it, and the file it is in: name and inode.

    The name alone says too little: compaction gives it to another file.
    """

    file: str  # relative to the data directory
    inode: int | None  # null if the file can't even be opened
    sentence: str

    @classmethod
    def of(cls, segment: Segment, sentence: str) -> "Finding":
        """Return a finding in a segment that the log has."""
        file = f"{segment.path.parent.name}/{segment.path.name}"
        try:
            return cls(file, os.fstat(segment.fd).st_ino, sentence)
        except OSError:
            return cls(file, None, sentence)

    def is_there(self, data_dir: Path) -> bool:
        """Whether the file is still the one that was read."""
        try:
            return self.inode in {None, (data_dir / self.file).stat().st_ino}
        except FileNotFoundError:
            return False
        except OSError:  # a disk that can't be read
            return True


@dataclass(slots=True)
class Progress:
    """How far the pass is, kept in a file: a broker may end long before its pass does.

    Times in µs since 1970; `done` is the last segment read, as (partition's directory, offset).
    What was found counts for as long as its segment is there.
    """

    begun: int = 0
    ended: int = 0
    size: int = 0
    done: tuple[str, int] = ("", -1)
    found: tuple[Finding, ...] = ()

    @property
    def findings(self) -> tuple[str, ...]:
        """What was found, as sentences."""
        return tuple(finding.sentence for finding in self.found)

    @classmethod
    def read(cls, data_dir: Path) -> "Progress":
        """Read the file; without one no pass was ever begun."""
        try:
            content = json.loads((data_dir / FILE).read_bytes())
            content["done"] = tuple(content["done"])
            content["found"] = tuple(Finding(*row) for row in content["found"])
            progress = cls(**content)
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return cls()  # also what an older version has written: it is read again
        progress.forget_removed(data_dir)
        return progress

    def forget_removed(self, data_dir: Path) -> None:
        """Keep no finding whose segment was removed or replaced."""
        self.found = tuple(finding for finding in self.found if finding.is_there(data_dir))

    def write(self, data_dir: Path) -> None:
        """Replace the file; to lose it means to read again."""
        self.forget_removed(data_dir)
        fields = {name: getattr(self, name) for name in self.__slots__}
        beside = data_dir / f"{FILE}.new"
        with suppress(OSError):  # a full disk
            beside.write_text(json.dumps(fields))
            beside.replace(data_dir / FILE)


class Scrub:
    """Reads every closed segment once in a pass; what it finds is logged, kept and refused."""

    def __init__(self, data_dir: Path, topics: Topics, pace: Pace) -> None:
        self._data_dir = data_dir
        self._topics = topics
        self._pace = pace
        self._task: asyncio.Task[None] | None = None
        self.progress = Progress.read(data_dir)

    def start(self) -> None:
        """Begin, or go on with the pass that an earlier broker began."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Stop within one stretch."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        await asyncio.sleep(self._pace.after_s)
        while True:
            due = self.progress.begun + self._pace.every_days * 86_400e6
            if self.progress.ended >= self.progress.begun:
                await asyncio.sleep(max(0.0, (due - utc_micros()) / 1e6))
                self.progress = Progress(begun=utc_micros())
            await self.run_pass()

    async def run_pass(self) -> None:
        """Read all closed segments that this pass has not read."""
        for partition, segment in self._closed():
            where = (partition.log.directory.name, segment.base_offset)
            if where > self.progress.done and self._has(partition, segment):
                try:
                    await self._read(partition, segment)
                except OSError as error:
                    if self._has(partition, segment):
                        self._cannot_read(segment, error)
                self.progress.done = where
                self.progress.write(self._data_dir)
        self.progress.ended = utc_micros()
        self.progress.write(self._data_dir)
        _LOG.info("scrubbed %d bytes, %s", self.progress.size, self._outcome())

    def _outcome(self) -> str:
        number = len(self.progress.findings)
        return f"{number} place(s) are damaged" if number else "no damage"

    def _closed(self) -> Iterator[tuple[Partition, Segment]]:
        """Yield the closed segments of all partitions in a fixed order."""
        partitions = [p for t in self._topics.by_name.values() for p in t.partitions]
        for partition in sorted(partitions, key=lambda p: p.log.directory.name):
            for segment in partition.log.segments[:-1]:
                yield partition, segment

    def _has(self, partition: Partition, segment: Segment) -> bool:
        """Whether a topic still has a segment, which may have been removed or replaced."""
        topic = self._topics.by_name.get(partition.topic)
        listed = topic is not None and partition in topic.partitions
        return listed and segment in partition.log.segments

    async def _read(self, partition: Partition, segment: Segment) -> None:
        """Read one segment, stretch by stretch, resting after each."""
        extent = Extent(
            segment.path,
            segment.base_offset,
            segment.next_offset,
            segment.size,
            partition.log.gaps_below,
        )
        fd = os.dup(segment.fd)  # the segment closes its own when it is removed
        _drop_from_cache(fd)
        damages: list[Damage] = []
        stretches = _examine_and_close(fd, extent)
        loop = asyncio.get_running_loop()
        while True:
            ended, busy_s = await loop.run_in_executor(None, partial(_stretch, stretches, damages))
            if ended:
                break
            await asyncio.sleep(max(WINDOW / self._pace.bytes_per_s, busy_s / _BUSY))
        self.progress.size += extent.size
        if not self._has(partition, segment):
            return
        if damages or segment.damages:
            segment.take_in(damages)
        for damage in damages:
            self._note(Finding.of(segment, str(damage)))

    def _cannot_read(self, segment: Segment, error: OSError) -> None:
        sentence = f"{segment.path} can't be read: {error.strerror}"
        _LOG.error("%s", sentence)
        self._note(Finding.of(segment, sentence))

    def _note(self, finding: Finding) -> None:
        found = self.progress.found
        if finding not in found and len(found) < _KEPT_FINDINGS:
            self.progress.found += (finding,)


def _stretch(stretches: Iterator[Damage | None], damages: list[Damage]) -> tuple[bool, float]:
    """Read on to the end of a stretch; returns whether it was the last, and the CPU time (s)."""
    begun = time.thread_time()
    for found in stretches:
        if found is None:
            return False, time.thread_time() - begun
        damages.append(found)
    return True, time.thread_time() - begun


def _examine_and_close(fd: int, extent: Extent) -> Iterator[Damage | None]:
    """Examine a segment; its descriptor is closed where the reading ends, in whichever thread."""
    try:
        yield from examine(fd, extent)
    finally:
        os.close(fd)


def _drop_from_cache(fd: int) -> None:
    """Let the disk be read: what its cache holds says nothing about it."""
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
