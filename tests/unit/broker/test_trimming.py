"""The start of a log: it moves forward only, durably, and retention keeps what is young."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.broker.check import verify_partition
from infra.broker.cleaning import swap, trimming
from infra.broker.cleaning.retention import start_after
from infra.broker.errors import BrokerError, Code, NoSegments, ProtocolError
from infra.broker.storage.boundaries import FILE, Boundaries
from infra.broker.storage.disk import Disk
from infra.broker.storage.log import PartitionLog
from infra.broker.storage.log_settings import LogSettings
from infra.broker.storage.partition import Partition
from infra.broker.storage.recovery import open_log, segment_bases
from tests.unit.broker.batches import batch

SETTINGS = LogSettings(segment_bytes=1024, index_interval_bytes=100)


@asynccontextmanager
async def serving(directory: Path, log_settings: LogSettings) -> AsyncIterator[Partition]:
    """Serve a partition for a while, and leave it as a killed process does."""
    disk = Disk(directory.parent, free_space_floor=0)
    partition = Partition("t", 0, opened(directory, log_settings), disk)
    try:
        yield partition
    finally:
        if partition._flush_timer is not None:
            partition._flush_timer.cancel()
        partition.log.close()
        await disk.close()


def opened(directory: Path, log_settings: LogSettings) -> PartitionLog:
    """Open a log in a directory that may be new."""
    directory.mkdir(exist_ok=True)
    return open_log(directory, log_settings, now_ms=0)


def append(partition: Partition, timestamp: int, pid: int = -1, sequence: int = -1) -> None:
    made = batch([timestamp] * 2, payload=b"x" * 100, pid=pid, epoch=0, sequence=sequence)
    produced, _ = partition.append(memoryview(made))
    assert produced.error == Code.NONE, produced


def reopened(directory: Path, log_settings: LogSettings = SETTINGS) -> PartitionLog:
    log = open_log(directory, log_settings, now_ms=0)
    log.close()
    return log


def retried(states: list[list[Any]], start: int) -> list[list[Any]]:
    """Return the batches by which a retry is known, of records that were not deleted."""
    known = [[state[0], [b for b in state[3] if b.base_offset >= start]] for state in states]
    return [each for each in known if each[1]]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-1, 45), min_size=1, max_size=5), st.integers(1, 20))
def test_the_start_never_falls(asked: list[int], batches: int) -> None:
    async def run(directory: Path) -> None:
        start = 0
        for number, offset in enumerate(asked):
            async with serving(directory, SETTINGS) as partition:
                for step in range(batches):
                    append(partition, step, pid=7, sequence=2 * (number * batches + step))
                end = partition.log.end_offset
                wanted = end if offset == -1 else offset
                if wanted > end:
                    with pytest.raises(ProtocolError) as refused:
                        await trimming.delete_records(partition, offset)
                    assert refused.value.code == Code.OFFSET_OUT_OF_RANGE
                else:
                    start = max(start, wanted)
                    assert await trimming.delete_records(partition, offset) == start
                    assert partition.log.segments[0].next_offset > start or start == end
                states = partition.log.producers.snapshot()
            log = reopened(directory)
            assert (log.start_offset, log.end_offset, log.high_watermark) == (start, end, end)
            assert retried(log.producers.snapshot(), start) == retried(states, start)
            assert verify_partition(directory, online=False).findings == []

    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as root:
        asyncio.run(run(Path(root) / "t-0"))


TIMES = st.lists(st.integers(0, 100), min_size=1, max_size=25)


@settings(max_examples=100, deadline=None)
@given(TIMES, st.integers(-1, 100), st.integers(-1, 4000), st.booleans())
def test_retention_never_takes_what_is_younger(
    times: list[int], kept_ms: int, kept_bytes: int, deletes: bool
) -> None:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as root:
        log = PartitionLog.create(
            Path(root) / "t-0",
            replace(SETTINGS, retention_ms=kept_ms, retention_bytes=kept_bytes, deletes=deletes),
        )
        for time in times:
            log.append(memoryview(batch([time], payload=b"x" * 150)), now_ms=0)
        log.reveal(log.tail())
        start = start_after(log, now_ms=100)
        gone = [s for s in log.segments if s.next_offset <= start]
        assert start in {0, *(segment.next_offset for segment in gone)}
        if not deletes or (kept_ms == kept_bytes == -1):
            assert start == 0
        young = [offset for offset, time in enumerate(times) if 100 - time <= kept_ms]
        left = sum(s.size for s in log.segments if s not in gone)
        if kept_bytes == -1 or left < kept_bytes:
            assert kept_ms >= 0 or not gone
        if kept_bytes == -1 and kept_ms >= 0 and young:
            assert start <= young[0]
        log.close()


async def _emptied(directory: Path) -> None:
    async with serving(directory, replace(SETTINGS, retention_ms=10)) as partition:
        for step in range(10):
            append(partition, step, pid=3, sequence=2 * step)
        await trimming.retain(partition, now_ms=10_000)
        assert (partition.log.start_offset, partition.log.end_offset) == (20, 20)
        assert segment_bases(directory) == [20]
        with pytest.raises(ProtocolError) as refused:
            partition.log.read(5, 1000)
        assert refused.value.code == Code.OFFSET_OUT_OF_RANGE
        assert partition.log.read(20, 1000) == b""
        assert partition.log.first_at(0) is None
        assert partition.log.latest_timestamp() is None


def test_producers_are_known_after_their_records_are_gone(tmp_path: Path) -> None:
    async def again() -> None:
        async with serving(tmp_path / "t-0", SETTINGS) as partition:
            made = batch([0] * 2, pid=3, epoch=0, sequence=18)
            produced, _ = partition.append(memoryview(made))
            assert (produced.error, produced.base_offset) == (Code.NONE, 18)
            gap, _ = partition.append(memoryview(batch([0], pid=3, epoch=0, sequence=21)))
            assert gap.error == Code.OUT_OF_ORDER_SEQUENCE_NUMBER
            append(partition, 0, pid=3, sequence=20)
            assert partition.log.end_offset == 22

    asyncio.run(_emptied(tmp_path / "t-0"))
    asyncio.run(again())


def test_a_crash_between_the_start_and_the_files_loses_nothing_else(tmp_path: Path) -> None:
    async def run(directory: Path) -> None:
        async with serving(directory, SETTINGS) as partition:
            for step in range(10):
                append(partition, step)
            await partition.vouch()
            Boundaries(log_start_offset=9).write(directory)

    asyncio.run(run(tmp_path / "t-0"))
    log = reopened(tmp_path / "t-0")
    assert (log.start_offset, log.end_offset) == (9, 20)
    assert log.segments[0].base_offset <= 9 < log.segments[0].next_offset
    with pytest.raises(ProtocolError):
        log.read(8, 100)


def test_a_log_that_ends_before_its_start_begins_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = PartitionLog.create(tmp_path / "t-0", SETTINGS)
    log.append(memoryview(batch([0] * 3)), now_ms=0)
    log.close()
    Boundaries(log_start_offset=10).write(tmp_path / "t-0")
    for _ in range(2):
        log = reopened(tmp_path / "t-0")
        assert (log.start_offset, log.end_offset) == (10, 10)
    assert "ends at offset 3, but begins at 10" in caplog.text


def test_a_log_without_segments_is_not_begun_anew(tmp_path: Path) -> None:
    log = PartitionLog.create(tmp_path / "t-0", SETTINGS)
    log.close()
    Boundaries(log_start_offset=10).write(tmp_path / "t-0")
    swap.remove(tmp_path / "t-0", [0])
    with pytest.raises(NoSegments, match="began at offset 10"):
        open_log(tmp_path / "t-0", SETTINGS, now_ms=0)


def test_unreadable_boundaries_are_named(tmp_path: Path) -> None:
    PartitionLog.create(tmp_path / "t-0", SETTINGS).close()
    (tmp_path / "t-0" / FILE).write_text("{")
    with pytest.raises(BrokerError, match="does not say where its log begins"):
        open_log(tmp_path / "t-0", SETTINGS, now_ms=0)


def test_the_largest_timestamp_is_one_that_is_still_there(tmp_path: Path) -> None:
    async def run(directory: Path) -> None:
        big = replace(SETTINGS, segment_bytes=1 << 20)
        async with serving(directory, big) as partition:
            for time in (5, 90, 20, 10):
                append(partition, time)
            assert partition.log.latest_timestamp() == (90, 2)
            await trimming.delete_records(partition, 4)
            assert partition.log.latest_timestamp() == (20, 4)
            assert partition.log.first_at(1) == (20, 4)

    asyncio.run(run(tmp_path / "t-0"))


def test_a_log_rolls_when_its_records_are_old_enough(tmp_path: Path) -> None:
    log = PartitionLog.create(tmp_path / "t-0", LogSettings(segment_ms=100))
    for time in (1000, 1100, 1101, 1050, 1202):
        log.append(memoryview(batch([time])), now_ms=0)
    assert [segment.base_offset for segment in log.segments] == [0, 2, 4]
    log.close()
    log = open_log(tmp_path / "t-0", LogSettings(segment_ms=100), now_ms=0)
    log.append(memoryview(batch([1303])), now_ms=0)
    assert [segment.base_offset for segment in log.segments] == [0, 2, 4, 5]
    log.close()


def test_a_deleted_partition_is_not_written_to(tmp_path: Path) -> None:
    async def run(directory: Path) -> None:
        async with serving(directory, replace(SETTINGS, retention_ms=1)) as partition:
            append(partition, 1)
            await partition.abandon()
            with suppress(ProtocolError):
                await trimming.delete_records(partition, -1)
            await trimming.retain(partition, 10_000)
            assert not (directory / FILE).exists()

    asyncio.run(run(tmp_path / "t-0"))
