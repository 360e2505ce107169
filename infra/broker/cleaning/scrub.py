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

from infra.broker.storage.integrity import WINDOW, Damage, Extent, examine
from infra.broker.storage.log import PartitionLog
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


@dataclass(slots=True)
class Progress:
    """How far the pass is, kept in a file: a broker may end long before its pass does.

    Times in µs since 1970; `done` is the last segment read, as (partition's directory, offset).
    """

    begun: int = 0
    ended: int = 0
    size: int = 0
    done: tuple[str, int] = ("", -1)
    findings: tuple[str, ...] = ()

    @classmethod
    def read(cls, data_dir: Path) -> "Progress":
        """Read the file; without one no pass was ever begun."""
        try:
            content = json.loads((data_dir / FILE).read_bytes())
            content["done"] = tuple(content["done"])
            content["findings"] = tuple(content["findings"])
            return cls(**content)
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return cls()

    def write(self, data_dir: Path) -> None:
        """Replace the file; to lose it means to read again."""
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
        for log, segment in self._closed():
            where = (log.directory.name, segment.base_offset)
            if where > self.progress.done and segment in log.segments:
                try:
                    await self._read(log, segment)
                except FileNotFoundError:
                    continue  # it was removed meanwhile
                except OSError as error:
                    self._note(f"{segment.path} can't be read: {error.strerror}")
                self.progress.done = where
                self.progress.write(self._data_dir)
        self.progress.ended = utc_micros()
        self.progress.write(self._data_dir)
        _LOG.info("scrubbed %d bytes, %s", self.progress.size, self._outcome())

    def _outcome(self) -> str:
        number = len(self.progress.findings)
        return f"{number} place(s) are damaged" if number else "no damage"

    def _closed(self) -> Iterator[tuple[PartitionLog, Segment]]:
        """Yield the closed segments of all partitions in a fixed order."""
        partitions = [p for t in self._topics.by_name.values() for p in t.partitions]
        for partition in sorted(partitions, key=lambda p: p.log.directory.name):
            for segment in partition.log.segments[:-1]:
                yield partition.log, segment

    async def _read(self, log: PartitionLog, segment: Segment) -> None:
        """Read one segment, stretch by stretch, resting after each."""
        extent = Extent(
            segment.path, segment.base_offset, segment.next_offset, segment.size, log.gaps_below
        )
        _drop_from_cache(segment.path)
        damages: list[Damage] = []
        stretches = examine(extent)
        loop = asyncio.get_running_loop()
        while True:
            ended, busy_s = await loop.run_in_executor(None, partial(_stretch, stretches, damages))
            if ended:
                break
            await asyncio.sleep(max(WINDOW / self._pace.bytes_per_s, busy_s / _BUSY))
        self.progress.size += extent.size
        if segment in log.segments and (damages or segment.damages):
            segment.take_in(damages)
        for damage in damages:
            self._note(str(damage), logged=True)

    def _note(self, sentence: str, *, logged: bool = False) -> None:
        if not logged:
            _LOG.error("%s", sentence)
        if sentence not in self.progress.findings and len(self.progress.findings) < _KEPT_FINDINGS:
            self.progress.findings += (sentence,)


def _stretch(stretches: Iterator[Damage | None], damages: list[Damage]) -> tuple[bool, float]:
    """Read on to the end of a stretch; returns whether it was the last, and the CPU time (s)."""
    begun = time.thread_time()
    for found in stretches:
        if found is None:
            return False, time.thread_time() - begun
        damages.append(found)
    return True, time.thread_time() - begun


def _drop_from_cache(path: Path) -> None:
    """Let the disk be read: what its cache holds says nothing about it."""
    if hasattr(os, "posix_fadvise"):
        fd = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(fd)
