"""Bytes that changed on the disk: found when they are read, or by the scrub; the rest stays."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.broker.cleaning import rewriting, swap, trimming
from infra.broker.cleaning import scrub as scrub_module
from infra.broker.cleaning.scrub import Pace, Progress, Scrub
from infra.broker.errors import ProtocolError
from infra.broker.storage.batch import header_at
from infra.broker.storage.disk import Disk
from infra.broker.storage.integrity import Damaged, Known
from infra.broker.storage.log import PartitionLog
from infra.broker.storage.log_settings import LogSettings
from infra.broker.storage.partition import Partition
from infra.broker.storage.recovery import open_log
from infra.broker.storage.topics import Topics
from tests.unit.broker.batches import batch, keyed_batch

RECORDS = 3
BATCHES = 40


def filled(directory: Path, interval: int) -> LogSettings:
    """Write a log of some segments, vouched for, so that the next start reads nothing of it."""
    chosen = LogSettings(segment_bytes=1500, index_interval_bytes=interval)
    log = PartitionLog.create(directory, chosen)
    for number in range(BATCHES):
        log.append(memoryview(batch([number] * RECORDS, payload=b"%03d" % number)), now_ms=0)
    log.synced_checkpoint(now_ms=0).run()
    log.close()
    return chosen


def read_all(log: PartitionLog, max_bytes: int) -> tuple[dict[int, bytes], set[int]]:
    """Read batch for batch from every offset: what was read, by offset, and what was refused."""
    found: dict[int, bytes] = {}
    refused = set()
    for offset in range(0, BATCHES * RECORDS, RECORDS):
        try:
            data = log.read(offset, max_bytes)
        except Damaged as damaged:
            refused.add(damaged.damage.offset)
            continue
        position = 0
        while position < len(data):
            header = header_at(data, position)
            body = data[position + 16 : position + header.size]
            assert found.setdefault(header.base_offset, body) == body
            position += header.size
        assert offset in found
    return found, refused


@settings(max_examples=150, deadline=None)
@given(
    data=st.data(),
    interval=st.sampled_from([0, 200, 4096]),
    limit=st.sampled_from([1, 400, 1 << 20]),
)
def test_any_flipped_bit_hides_its_own_batch_only(
    data: st.DataObject, interval: int, limit: int
) -> None:
    with tempfile.TemporaryDirectory() as root:
        directory = Path(root) / "t-0"
        chosen = filled(directory, interval)
        clean = open_log(directory, chosen, now_ms=0)
        expected, none = read_all(clean, 1 << 20)
        clean.close()
        assert none == set()
        assert sorted(expected) == list(range(0, BATCHES * RECORDS, RECORDS))

        paths = sorted(directory.glob("*.log"))
        path = data.draw(st.sampled_from(paths))
        content = bytearray(path.read_bytes())
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] ^= 1 << data.draw(st.integers(0, 7))
        path.write_bytes(content)
        size = header_at(memoryview(clean_bytes(expected[0])), 0).size
        hit = int(path.stem) + position // size * RECORDS

        log = open_log(directory, chosen, now_ms=0)
        found, refused = read_all(log, limit)
        log.close()
        assert refused == {hit}
        assert found == {offset: body for offset, body in expected.items() if offset != hit}
        assert path.read_bytes() == content


def clean_bytes(body: bytes) -> bytes:
    """Put offset, length and epoch before what `read_all` keeps of a batch."""
    return bytes(8) + (len(body) + 4).to_bytes(4, "big") + bytes(4) + body


def test_an_index_that_leads_astray_hides_nothing(tmp_path: Path) -> None:
    chosen = filled(tmp_path / "t-0", 0)
    for path in (tmp_path / "t-0").glob("*.index"):
        path.write_bytes(bytes(byte ^ 4 for byte in path.read_bytes()))
    last = max((tmp_path / "t-0").glob("*.index"))
    last.write_bytes(bytes(byte ^ 4 for byte in last.read_bytes()))  # that one is the start's
    log = open_log(tmp_path / "t-0", chosen, now_ms=0)
    found, refused = read_all(log, 400)
    log.close()
    assert refused == set()
    assert len(found) == BATCHES


def test_a_damage_is_told_once_with_file_byte_and_offset(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chosen = filled(tmp_path / "t-0", 0)
    path = min((tmp_path / "t-0").glob("*.log"))
    content = bytearray(path.read_bytes())
    content[70] ^= 1
    path.write_bytes(content)
    log = open_log(tmp_path / "t-0", chosen, now_ms=0)
    for _ in range(3):
        with pytest.raises(ProtocolError, match=r"t\[0\]@0 is damaged: .*\.log byte 0: the check"):
            log.read(1, 1000)
    log.close()
    assert len(caplog.records) == 1


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=30),
    st.integers(0, 60),
    st.integers(0, 80),
    st.integers(1, 20),
)
def test_known_ranges_are_those_that_were_added(
    added: list[tuple[int, int]], tail: int, start: int, length: int
) -> None:
    known = Known(tail)
    bytes_known = set(range(tail, 200))
    for first, size in added:
        known.add(first, first + size)
        bytes_known |= set(range(first, first + size))
    assert known.covers(start, start + length) == bytes_known.issuperset(
        range(start, start + length)
    )


@asynccontextmanager
async def serving(data_dir: Path, **configs: str) -> AsyncIterator[tuple[Topics, Partition]]:
    """Serve a topic of one partition that has some segments."""
    disk = Disk(data_dir, 0)
    topics = Topics(data_dir, disk)
    topics.open()
    configs = {"segment.bytes": "1500", "index.interval.bytes": "0"} | configs
    topic = await topics.create(topics.check("t", 1, 1, configs))
    partition = topic.partitions[0]
    for number in range(BATCHES):
        rows = [(b"k%d" % row, b"%03d" % number) for row in range(RECORDS)]
        partition.append(memoryview(keyed_batch(rows)))
    await partition.vouch()
    try:
        yield topics, partition
    finally:
        await topics.close()
        await disk.close()


def flip(path: Path) -> None:
    """Change a bit of the first batch."""
    content = bytearray(path.read_bytes())
    content[70] ^= 8
    path.write_bytes(content)


async def by_delete_records(topics: Topics, partition: Partition) -> None:
    await trimming.delete_records(partition, partition.log.segments[2].base_offset)


async def by_deleting_the_topic(topics: Topics, partition: Partition) -> None:
    await topics.delete("t")


async def by_a_swap(topics: Topics, partition: Partition) -> None:
    """Let compaction replace the segments by one that was made before they were damaged."""
    log = partition.log
    old = log.segments[:2]
    for suffix in ("log", "index", "timeindex"):
        copy = old[0].path.with_suffix(f".{suffix}{swap.CLEANED}")
        copy.write_bytes(old[0].path.with_suffix(f".{suffix}").read_bytes())
    placed = await rewriting._put_in_place(partition, [0, old[1].base_offset], old[1].next_offset)
    assert placed


Removal = Callable[[Topics, Partition], Awaitable[None]]
REMOVALS = pytest.mark.parametrize("remove", [by_delete_records, by_deleting_the_topic, by_a_swap])


@REMOVALS
def test_a_finding_goes_with_its_segment(tmp_path: Path, remove: Removal) -> None:
    async def scenario() -> None:
        async with serving(tmp_path, **{"cleanup.policy": "compact,delete"}) as (topics, partition):
            for segment in partition.log.segments[:2]:
                flip(segment.path)
            scrub = Scrub(tmp_path, topics, Pace())
            await scrub.run_pass()
            assert len(Progress.read(tmp_path).findings) == 2
            await remove(topics, partition)
            assert Progress.read(tmp_path).findings == ()

            await scrub.run_pass()
            assert scrub.progress.findings == ()

    asyncio.run(scenario())


@REMOVALS
def test_the_scrub_tells_nothing_of_a_segment_that_goes_while_it_is_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    remove: Removal,
) -> None:
    async def scenario() -> None:
        async with serving(tmp_path, **{"cleanup.policy": "compact,delete"}) as (topics, partition):
            flip(partition.log.segments[0].path)
            read, loop = scrub_module._stretch, asyncio.get_running_loop()

            async def removed() -> None:
                await remove(topics, partition)

            def stretch(*arguments: Any) -> tuple[bool, float]:
                monkeypatch.undo()
                asyncio.run_coroutine_threadsafe(removed(), loop).result(60)
                return read(*arguments)

            monkeypatch.setattr(scrub_module, "_stretch", stretch)
            scrub = Scrub(tmp_path, topics, Pace())
            await scrub.run_pass()
            assert scrub.progress.findings == ()

    asyncio.run(scenario())
    assert "damaged" not in caplog.text
    assert "can't be read" not in caplog.text


def test_a_segment_whose_name_another_file_has_got_is_not_called_damaged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Compaction renames on the disk before the log has the new segment."""

    async def scenario() -> None:
        async with serving(tmp_path) as (topics, partition):
            segment = partition.log.segments[0]
            segment.pin()
            other = tmp_path / "other"
            other.write_bytes(segment.path.read_bytes()[:300])
            other.replace(segment.path)
            scrub = Scrub(tmp_path, topics, Pace())
            await scrub.run_pass()
            assert scrub.progress.findings == ()
            segment.examine()
            assert segment.damages == []

    asyncio.run(scenario())
    assert "damaged" not in caplog.text


def test_the_scrub_finds_what_no_reader_has_met(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Also in what this process has written; a later pass forgets what was mended."""

    async def scenario() -> None:
        disk = Disk(tmp_path, 0)
        topics = Topics(tmp_path, disk)
        topics.open()
        topic = await topics.create(
            topics.check("t", 1, 1, {"segment.bytes": "1500", "index.interval.bytes": "0"})
        )
        log = topic.partitions[0].log
        for number in range(BATCHES):
            log.append(memoryview(batch([number] * RECORDS, payload=b"%03d" % number)), now_ms=0)
        log.reveal(log.tail())
        scrub = Scrub(tmp_path, topics, Pace())
        await scrub.run_pass()
        assert scrub.progress.findings == ()
        assert scrub.progress.size == sum(segment.size for segment in log.segments[:-1])

        path = log.segments[1].path
        original = path.read_bytes()
        path.write_bytes(original[:70] + bytes([original[70] ^ 8]) + original[71:])
        scrub.progress = Progress(begun=1)
        await scrub.run_pass()
        (finding,) = Progress.read(tmp_path).findings
        assert f"{path} byte 0" in finding
        assert caplog.text.count(finding) == 1
        hit = log.segments[1].base_offset
        with pytest.raises(ProtocolError):
            log.read(hit, 1000)
        assert log.read(hit + RECORDS, 1000)

        path.write_bytes(original)
        scrub.progress = Progress(begun=2)
        await scrub.run_pass()
        assert Progress.read(tmp_path).findings == ()
        assert log.read(hit, 1000)
        await topics.close()
        await disk.close()

    asyncio.run(scenario())
