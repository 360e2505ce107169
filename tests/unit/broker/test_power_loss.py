"""A log whose machine lost power: gaps are ends, what lies behind them is set aside, and told."""

import os
from pathlib import Path

import pytest

from infra.broker.check import verify_partition
from infra.broker.errors import LogDamaged
from infra.broker.storage import checkpoint as checkpoints
from infra.broker.storage import power_loss
from infra.broker.storage.log import PartitionLog
from infra.broker.storage.log_settings import LogSettings
from infra.broker.storage.recovery import open_log
from tests.unit.broker.batches import batch

LOOSE = LogSettings(index_interval_bytes=0, segment_bytes=4000)
SYNCED = LogSettings(index_interval_bytes=0, segment_bytes=4000, flush_messages=1)


def lost_power(directory: Path, settings: LogSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill some segments of a served directory, and start the machine anew."""
    power_loss.served_now(directory.parent)
    log = PartitionLog.create(directory, settings)
    for number in range(30):
        log.append(memoryview(batch([number], payload=bytes([number + 1]) * 700)), now_ms=0)
    log.checkpoint(now_ms=0).write_recent(directory)
    log.close()
    another = directory.parent / "another-boot"
    another.write_text("another")
    monkeypatch.setattr(checkpoints, "_BOOT_ID", another)


def test_a_page_that_never_reached_the_disk_ends_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    directory = tmp_path / "t-0"
    lost_power(directory, LOOSE, monkeypatch)
    path = sorted(directory.glob("*.log"))[1]
    content = bytearray(path.read_bytes())
    content[1024:2048] = bytes(1024)
    path.write_bytes(content)
    log = open_log(directory, LOOSE, now_ms=0)
    size = len(content) // 5
    assert log.end_offset == int(path.stem) + 1024 // size
    assert f"offsets {log.end_offset} … 29 at least are lost" in caplog.text
    aside = path.with_suffix(f".{1024 // size * size}.cut")
    assert aside.read_bytes() == content[1024 // size * size :]
    assert len(list(directory.glob("*.cut"))) == 5
    log.append(memoryview(batch([0])), now_ms=0)
    log.close()
    assert verify_partition(directory, online=False).findings == []


def test_a_segment_before_one_that_is_there_may_be_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "t-0"
    lost_power(directory, LOOSE, monkeypatch)
    path = sorted(directory.glob("*.log"))[2]
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 5 * 3])  # whole batches: no tear tells of it
    log = open_log(directory, LOOSE, now_ms=0)
    assert log.end_offset == int(path.stem) + 3
    log.close()
    assert verify_partition(directory, online=False).findings == []


@pytest.mark.parametrize("settings", [LOOSE, SYNCED])
def test_a_short_segment_is_damage_where_no_power_was_lost_or_each_batch_was_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: LogSettings
) -> None:
    directory = tmp_path / "t-0"
    lost_power(directory, settings, monkeypatch)
    if settings is LOOSE:
        monkeypatch.undo()
        (directory / "checkpoint").unlink()
    path = sorted(directory.glob("*.log"))[2]
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 5 * 3])
    with pytest.raises(LogDamaged, match="the next segment begins at 15"):
        open_log(directory, settings, now_ms=0)
    assert not list(directory.glob("*.cut"))


def test_what_a_crash_left_in_the_cache_is_synced_before_anybody_is_told_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = PartitionLog.create(tmp_path / "t-0", SYNCED)
    for number in range(12):
        log.append(memoryview(batch([number], payload=b"x" * 700)), now_ms=0)
    log.checkpoint(now_ms=0).write_recent(tmp_path / "t-0")
    log.close()
    synced: set[int] = set()
    real = os.fdatasync

    def noted(fd: int) -> None:
        synced.add(os.fstat(fd).st_ino)
        real(fd)

    monkeypatch.setattr(os, "fdatasync", noted)
    open_log(tmp_path / "t-0", SYNCED, now_ms=0).close()
    paths = [*(tmp_path / "t-0").glob("*.log"), tmp_path / "t-0"]
    assert len(paths) == 4
    assert {path.stat().st_ino for path in paths} <= synced
