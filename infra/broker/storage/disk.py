"""The disk as the whole broker shares it: free space, syncs in threads, checkpoints."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from infra.broker.errors import Code, ProtocolError
from infra.broker.storage.checkpoint import Checkpoint
from infra.clock import utc_micros

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")
CHECKPOINT_BYTES = 16 << 20  # to be read by a start, over all partitions, at the most
BATCH_COST = 800  # bytes that a start reads in the time that it takes to look at one batch
_WORTH_BYTES = 1 << 20  # so much read by a start is not to be read again by the next
_SPACE_CHECK_S = 0.5
_SPACE_CHECK_BYTES = 4 << 20


class Checkpointed(Protocol):
    """What the disk checkpoints: the log of a partition."""

    directory: Path

    def checkpoint(self, now_ms: int) -> Checkpoint:
        """Return what is known to be good now."""


class Disk:
    """Free space, threads that sync, and the bytes appended since the last checkpoint."""

    def __init__(self, data_dir: Path, free_space_floor: int) -> None:
        self.data_dir = data_dir
        self.free_space_floor = free_space_floor
        self.threads = ThreadPoolExecutor(4, thread_name_prefix="sync")
        self._free = 0
        self._checked_at = float("-inf")
        self._since_check = 0
        self._since_checkpoint = 0
        self._dirty: dict[Checkpointed, str] = {}
        self._checkpointing: asyncio.Task[None] | None = None
        self._work: set[asyncio.Task[Any]] = set()

    def admit(self) -> None:
        """Refuse producers with a sentence while the disk is nearly full."""
        now = time.monotonic()
        if now - self._checked_at > _SPACE_CHECK_S or self._since_check > _SPACE_CHECK_BYTES:
            self._free = free_space(self.data_dir)
            self._checked_at, self._since_check = now, 0
        if self._free < self.free_space_floor:
            raise ProtocolError(
                Code.KAFKA_STORAGE_ERROR,
                low_space(self.data_dir, self._free, self.free_space_floor),
            )

    def appended(self, log: Checkpointed, name: str, size: int) -> None:
        """Count a batch that a start would have to read; enough of them begin a checkpoint."""
        self._dirty[log] = name
        self._since_check += size
        self._since_checkpoint += size + BATCH_COST
        if self._since_checkpoint >= CHECKPOINT_BYTES:
            self._begin_checkpoint()

    def opened(self, log: Checkpointed, name: str, cost: int) -> None:
        """Count what a start has read, bytes and `BATCH_COST` for each batch."""
        if cost:
            self._dirty[log] = name
            self._since_checkpoint += cost

    def all_opened(self) -> None:
        """Spare the next start what this one has read: processes may be killed often."""
        if self._since_checkpoint >= _WORTH_BYTES:
            self._begin_checkpoint()

    def _begin_checkpoint(self) -> None:
        if self._checkpointing is None:
            self._checkpointing = asyncio.get_running_loop().create_task(self._checkpoint())
            self._checkpointing.add_done_callback(self._checkpointed)

    def forget(self, log: Checkpointed) -> None:
        """Drop a log that is deleted."""
        self._dirty.pop(log, None)

    async def run(self, job: Callable[[], None]) -> None:
        """Run `job` in a thread."""
        await asyncio.get_running_loop().run_in_executor(self.threads, job)

    async def to_its_end(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Do `work`, even if the client that asked for it is gone meanwhile."""
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return await asyncio.shield(task)

    async def _checkpoint(self) -> None:
        dirty, self._dirty = self._dirty, {}
        self._since_checkpoint = 0
        for log, name in dirty.items():
            try:
                checkpoint = log.checkpoint(utc_micros() // 1000)
                await self.run(partial(checkpoint.write_recent, log.directory))
            except OSError as error:
                # a disk that refuses: the last checkpoint stays valid
                _LOG.warning("no checkpoint of %s: %s", name, error)

    def _checkpointed(self, _: asyncio.Task[None]) -> None:
        self._checkpointing = None

    async def idle(self) -> None:
        """Wait until no checkpoint is being written."""
        if self._checkpointing is not None:
            await asyncio.wait([self._checkpointing])

    async def work_done(self) -> None:
        """Wait until what clients have asked for is done."""
        if self._work:
            await asyncio.wait(self._work)

    async def close(self) -> None:
        """End the threads."""
        await self.idle()
        self.threads.shutdown()


def free_space(path: Path) -> int:
    """Return the bytes that may still be written at `path`."""
    stat = os.statvfs(path)
    return stat.f_bavail * stat.f_frsize


def low_space(path: Path, free: int, floor: int) -> str:
    """Say why producers are refused."""
    return (
        f"only {free // 1_000_000} MB are free at {path}, the floor is {floor // 1_000_000} MB: "
        "producers are refused until space is made; readers are served"
    )
