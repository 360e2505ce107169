"""Compaction of a partition as the broker sees it: a child process writes, the broker swaps."""

import asyncio
import json
import logging
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from infra.broker.cleaning import dirt, swap
from infra.broker.cleaning.compaction import Task
from infra.broker.storage.boundaries import Boundaries
from infra.broker.storage.partition import Partition
from infra.broker.storage.segment import Segment

_LOG = logging.getLogger(__name__)


async def compact(target: Partition, now_ms: int) -> None:
    """Compact the closed segments of a partition if they are dirty enough.

    One whose records can't be read is told of once, and left as it is until the next start. Where
    segments are removed meanwhile, the rest is for the next round.
    """
    log = target.log
    if not log.settings.compacts or not _is_sound(target):
        return
    if dirt.task_for(log, log.segments[:-1], now_ms) is None:
        return
    if log.has_rolled:
        await target.vouch()
    task = dirt.task_for(log, log.closed(), now_ms)
    if task is None:
        return
    before = log.size
    whole = await _rewrite(target, task)
    if _is_sound(target):
        await target.disk.to_its_end(_discard(target))
        if whole:
            _LOG.info("compacted %s from %d to %d bytes", target.name, before, log.size)
        else:
            _LOG.info("segments of %s were removed before they were compacted", target.name)


async def _rewrite(target: Partition, task: Task) -> bool:
    """Take over what the child process makes; returns whether it was all of the task.

    After a group that found no place nothing more is taken over: an older record of a key may have
    stayed in it, which the next round compares with the newer ones once more.
    """
    async with aclosing(_rewritten(target, task)) as results:
        async for done in results:
            if not await target.disk.to_its_end(_take_over(target, done)):
                return False
    return True


def _is_sound(target: Partition) -> bool:
    return target.uncleanable is None and not target.broken


async def _rewritten(target: Partition, task: Task) -> AsyncGenerator[dict[str, Any], None]:
    """Yield what the child process tells; it ends with the reader, and with this process."""
    pipe = asyncio.subprocess.PIPE
    command = [sys.executable, "-m", "infra.broker.cleaning.compaction"]
    child = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe)
    assert child.stdin
    assert child.stdout
    assert child.stderr
    target.rewriting = child
    try:
        child.stdin.write(json.dumps(asdict(task)).encode() + b"\n")
        async for line in child.stdout:
            yield json.loads(line)
        said = (await child.stderr.read()).decode()
        if await child.wait() and said and not target.broken:
            _fail(target, f"the compaction of {target.name} ended with: {said}")
    finally:
        target.rewriting = None
        if child.returncode is None:
            child.kill()
            await child.wait()
        child.stdin.close()


async def _take_over(target: Partition, done: dict[str, Any]) -> bool:
    """Do what a line of the child process asks for; returns whether it may go on."""
    async with target.cleaning:
        if not _is_sound(target):
            return False
        if "damaged" in done:
            _fail(target, done["damaged"])
        elif "missing" in done:
            _judge_missing(target, done["missing"])
        elif "clean_below" in done:
            await _note_clean(target, done["clean_below"])
            return True
        else:
            return await _put_in_place(target, done["covers"], done["end"])
        return False


def _judge_missing(target: Partition, path: str) -> None:
    """A file that is missing is an error only where the log still has its segment."""
    if any(str(segment.path) == path for segment in target.log.segments):
        _fail(target, f"{path}, a segment of {target.name}, is missing")


async def _note_clean(target: Partition, clean_below: int) -> None:
    boundaries = replace(target.log.boundaries, clean_below=clean_below, swap=())
    await target.disk.run(partial(boundaries.write, target.log.directory))
    target.log.begin_at(boundaries)


async def _put_in_place(target: Partition, covers: list[int], end: int) -> bool:
    """Let a cleaned segment replace others; returns false if one of those was removed meanwhile."""
    log = target.log
    old = [segment for segment in log.segments if segment.base_offset in covers]
    if [s.base_offset for s in old] != covers or old[-1].next_offset != end:
        return False
    for segment in old:
        segment.pin()
    before = log.boundaries
    gaps_below = max(before.gaps_below, end)
    log.begin_at(replace(before, gaps_below=gaps_below, swap=tuple(covers)))
    try:
        await target.disk.run(partial(_swap, log.boundaries, log.directory))
    except OSError as error:
        _fail(target, f"a compacted segment of {target.name} found no place: {error.strerror}")
        return False
    log.replace(old, Segment.sealed(log.directory, covers[0], end))
    log.begin_at(replace(log.boundaries, swap=()))
    await target.disk.run(partial(_close, old))
    return True


async def _discard(target: Partition) -> None:
    """Remove cleaned segments that were not wanted, because retention was faster."""
    async with target.cleaning:
        if not target.broken:
            await target.disk.run(partial(swap.discard, target.log.directory))


def _swap(boundaries: Boundaries, directory: Path) -> None:
    boundaries.write(directory)
    swap.commit(directory, boundaries.swap[0])
    swap.finish(directory, boundaries.swap)


def _close(segments: list[Segment]) -> None:
    for segment in segments:
        segment.close()


def _fail(target: Partition, why: str) -> None:
    """Compact no more of a log; what a swap has left undone, the next start does."""
    target.uncleanable = why
    _LOG.error("%s; it is not compacted until the broker is started again", why)
