"""What a start finds: torn tails are cut, damage is named and nothing of it is cut."""

from pathlib import Path
from typing import Any

import pytest

from infra.broker.check import verify_partition
from infra.broker.errors import LogDamaged
from infra.broker.storage import checkpoint as checkpoints
from infra.broker.storage.log import PartitionLog
from infra.broker.storage.log_settings import LogSettings
from infra.broker.storage.recovery import open_log
from tests.unit.broker.batches import batch

SETTINGS = LogSettings(index_interval_bytes=0)


def filled(directory: Path, batches: int, **settings: Any) -> Path:
    """Write a log of batches with 3 records each; returns the last segment's file."""
    log = PartitionLog.create(directory, LogSettings(index_interval_bytes=0, **settings))
    for number in range(batches):
        log.append(memoryview(batch([number] * 3, payload=b"x" * 50)), now_ms=0)
    log.close()
    return max(directory.glob("*.log"))


def reopened(directory: Path) -> PartitionLog:
    """Open a log and let readers see all of it."""
    log = open_log(directory, SETTINGS, now_ms=0)
    log.close()
    return log


@pytest.mark.parametrize("position", [4, 14, 30, 100, 400])
def test_a_flipped_bit_before_valid_batches_is_refused(tmp_path: Path, position: int) -> None:
    path = filled(tmp_path / "t-0", 10)
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)
    with pytest.raises(LogDamaged) as refused:
        open_log(tmp_path / "t-0", SETTINGS, now_ms=0)
    size = len(content) // 10
    assert refused.value.path == path
    assert refused.value.position == position // size * size
    assert refused.value.offset == position // size * 3
    assert str(path) in str(refused.value)
    assert path.read_bytes() == content


def test_an_intact_batch_at_the_end_with_another_offset_is_refused(tmp_path: Path) -> None:
    path = filled(tmp_path / "t-0", 3)
    content = bytearray(path.read_bytes())
    content[len(content) // 3 * 2 + 7] = 0
    path.write_bytes(content)
    with pytest.raises(LogDamaged, match="offset 0 where 6"):
        open_log(tmp_path / "t-0", SETTINGS, now_ms=0)


def test_a_broken_length_does_not_hide_the_batches_behind_it(tmp_path: Path) -> None:
    path = filled(tmp_path / "t-0", 3)
    content = bytearray(path.read_bytes())
    content[8:12] = (2**31 - 1).to_bytes(4, "big")
    path.write_bytes(content)
    with pytest.raises(LogDamaged):
        open_log(tmp_path / "t-0", SETTINGS, now_ms=0)


def test_damage_before_another_segment_is_refused(tmp_path: Path) -> None:
    filled(tmp_path / "t-0", 20, segment_bytes=1024)
    first = min((tmp_path / "t-0").glob("*.log"))
    first.write_bytes(first.read_bytes()[:-5])
    with pytest.raises(LogDamaged):
        open_log(tmp_path / "t-0", SETTINGS, now_ms=0)


@pytest.mark.parametrize("keep", [0, 1, 60, 61, 200])
def test_a_log_that_is_cut_anywhere_keeps_its_whole_batches(tmp_path: Path, keep: int) -> None:
    path = filled(tmp_path / "t-0", 3)
    content = path.read_bytes()
    size = len(content) // 3
    path.write_bytes(content[: size + keep])
    assert reopened(tmp_path / "t-0").end_offset == 3 * ((size + keep) // size)
    assert path.stat().st_size == (size + keep) // size * size


def test_zeros_behind_the_log_are_cut(tmp_path: Path) -> None:
    path = filled(tmp_path / "t-0", 3)
    content = path.read_bytes()
    path.write_bytes(content + bytes(5000))
    assert reopened(tmp_path / "t-0").end_offset == 9
    assert path.read_bytes() == content


def test_only_what_lies_behind_the_checkpoint_is_read(tmp_path: Path) -> None:
    """A flipped bit before the checkpoint is not seen by a start, but by a check."""
    log = PartitionLog.create(tmp_path / "t-0", SETTINGS)
    for _ in range(5):
        log.append(memoryview(batch([0], payload=b"x" * 50)), now_ms=0)
    log.synced_checkpoint(now_ms=0).run()
    log.append(memoryview(batch([0])), now_ms=0)
    log.close()
    path = max((tmp_path / "t-0").glob("*.log"))
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    assert reopened(tmp_path / "t-0").end_offset == 6
    (finding,) = verify_partition(tmp_path / "t-0", online=False).findings[:1]
    assert (finding.path, finding.position, finding.offset) == (path, 0, 0)
    assert not finding.mends_itself


def test_after_the_machine_restarted_only_synced_checkpoints_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = PartitionLog.create(tmp_path / "t-0", SETTINGS)
    log.append(memoryview(batch([0] * 3)), now_ms=0)
    log.synced_checkpoint(now_ms=0).run()
    log.append(memoryview(batch([0] * 4)), now_ms=0)
    log.checkpoint(now_ms=0).write_recent(tmp_path / "t-0")
    log.close()

    def relied_on() -> int:
        found = checkpoints.Checkpoint.read(tmp_path / "t-0")
        assert found is not None
        return found.next_offset

    another_boot = tmp_path / "boot_id"
    another_boot.write_text("another")
    if checkpoints.boot_id():
        assert relied_on() == 7
    monkeypatch.setattr(checkpoints, "_BOOT_ID", another_boot)
    assert relied_on() == 3
    assert reopened(tmp_path / "t-0").end_offset == 7


def test_a_log_shorter_than_its_checkpoint_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = PartitionLog.create(tmp_path / "t-0", SETTINGS)
    for _ in range(3):
        log.append(memoryview(batch([0])), now_ms=0)
    log.synced_checkpoint(now_ms=0).run()
    log.close()
    path = max((tmp_path / "t-0").glob("*.log"))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    assert reopened(tmp_path / "t-0").end_offset == 1
    assert "shorter than its checkpoint" in caplog.text


def test_an_index_that_leads_astray_is_found(tmp_path: Path) -> None:
    filled(tmp_path / "t-0", 20, segment_bytes=1024)
    reopened(tmp_path / "t-0").synced_checkpoint(now_ms=0).run()
    index = min((tmp_path / "t-0").glob("*.index"))
    index.write_bytes(b"\0\0\0\7\0\0\0\7" + index.read_bytes()[8:])
    (finding,) = verify_partition(tmp_path / "t-0", online=False).findings
    assert finding.path == index


def test_a_torn_tail_is_found_but_no_damage(tmp_path: Path) -> None:
    path = filled(tmp_path / "t-0", 3)
    with path.open("ab") as file:
        file.write(b"torn")
    (finding,) = verify_partition(tmp_path / "t-0", online=False).findings
    assert finding.mends_itself
    assert verify_partition(tmp_path / "t-0", online=True).findings == []
