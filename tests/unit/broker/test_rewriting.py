"""Compaction by a child process while DeleteRecords removes segments under its hands."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from infra.broker.cleaning import rewriting, trimming
from infra.broker.cleaning.compaction import Task
from infra.broker.storage.log_settings import LogSettings
from infra.broker.storage.partition import Partition
from tests.unit.broker.batches import keyed_batch
from tests.unit.broker.test_compaction import read_all
from tests.unit.broker.test_trimming import serving

SETTINGS = LogSettings(
    segment_bytes=1024, index_interval_bytes=200, compacts=True, min_cleanable_dirty_ratio=0.0
)
KEYS = 7
RECORDS = 60
KEPT = 30  # the first offset behind what is deleted

Removal = Callable[[], Awaitable[object]]
Results = AsyncGenerator[dict[str, Any]]


async def before_all(results: Results, removal: Removal) -> Results:
    """Remove before the child process begins to read."""
    await removal()
    async for done in results:
        yield done


async def before_the_swap(results: Results, removal: Removal) -> Results:
    """Remove between the child's first result and its use."""
    async for done in results:
        await removal()
        yield done


@pytest.mark.parametrize("removing", [before_all, before_the_swap])
def test_a_removed_segment_leaves_the_rest_to_the_next_round(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    removing: Callable[[Results, Removal], Results],
) -> None:
    async def scenario() -> None:
        async with serving(tmp_path / "t-0", SETTINGS) as partition:
            await filled(partition)
            original = rewriting._rewritten

            def rewritten(target: Partition, task: Task) -> Results:
                removal = lambda: trimming.delete_records(target, KEPT)  # noqa: E731
                return removing(original(target, task), removal)

            with monkeypatch.context() as patch:
                patch.setattr(rewriting, "_rewritten", rewritten)
                await rewriting.compact(partition, now_ms=10_000)
            assert partition.uncleanable is None
            assert partition.log.segments[0].base_offset > 0
            assert partition.log.boundaries.clean_below == 0

            await rewriting.compact(partition, now_ms=10_000)
            closed = partition.log.segments[-1].base_offset
            assert partition.log.boundaries.clean_below == closed
            left = [s.offset for s in read_all(partition.log) if s.offset < closed]
            assert left == list(range(closed - KEYS, closed))

    asyncio.run(scenario())
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []
    assert not list((tmp_path / "t-0").glob("*.cleaned"))


def test_a_segment_that_is_missing_from_the_log_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with serving(tmp_path / "t-0", SETTINGS) as partition:
            await filled(partition)
            path = partition.log.segments[1].path
            path.unlink()
            await rewriting.compact(partition, now_ms=10_000)
            assert f"{path}, a segment of t[0], is missing" in caplog.text
            assert partition.uncleanable

    asyncio.run(scenario())


async def filled(partition: Partition) -> None:
    """Write a few keys again and again, over some segments."""
    for number in range(RECORDS):
        made = keyed_batch([(b"k%d" % (number % KEYS), b"v" * 60)])
        partition.append(memoryview(made))
    await partition.vouch()
