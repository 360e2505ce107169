"""A damaged index of aborted transactions shows nothing to readers of committed records."""

from collections.abc import Callable
from pathlib import Path

import pytest

from infra.broker.check import verify_partition
from infra.broker.storage.log import PartitionLog
from infra.broker.storage.log_settings import LogSettings
from infra.broker.storage.recovery import open_log
from tests.unit.broker.batches import batch
from tests.unit.broker.test_transaction_model import batches_of, read_as_client

SETTINGS = LogSettings(index_interval_bytes=0, segment_bytes=1500)


def send(log: PartitionLog, pid: int, sequence: int, payload: bytes) -> None:
    log.producers.admitted[pid] = 0
    made = batch([0], pid=pid, epoch=0, sequence=sequence, payload=payload, transactional=True)
    log.append(memoryview(made), now_ms=0)


def filled(directory: Path) -> list[tuple[int, bytes]]:
    """Write transactions, one over several segments; returns what is committed."""
    log = PartitionLog.create(directory, SETTINGS)
    send(log, 2, 0, b"gone" * 20)  # open for the first two segments
    for number in range(20):
        send(log, 1, number, (b"gone" if number % 3 else b"kept") * 20)
        log.append_marker(1, 0, commit=number % 3 == 0, now_ms=0)
        if number == 9:
            log.append_marker(2, 0, commit=False, now_ms=0)
        log.append_marker(3, 0, commit=False, now_ms=0)  # which ends nothing
    log.reveal(log.tail())
    assert len(log.segments) > 3
    committed = read_as_client(log, 0, 10_000, committed=True)
    log.synced_checkpoint(now_ms=0).run()
    log.close()
    return committed


def reopened(directory: Path) -> PartitionLog:
    return open_log(directory, SETTINGS, now_ms=10**12)


def flip_first(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[17] ^= 3  # the first offset of the first row
    path.write_bytes(content)


def flip_producer(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[9] ^= 64
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-34])


DAMAGES = [flip_first, flip_producer, cut, Path.unlink]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("which", [0, 1, 2, -1])
def test_readers_of_committed_records_see_no_others(
    tmp_path: Path, damage: Callable[[Path], None], which: int, caplog: pytest.LogCaptureFixture
) -> None:
    directory = tmp_path / "t-0"
    committed = filled(directory)
    path = sorted(directory.glob("*.txnindex"))[which]
    damage(path)
    log = reopened(directory)
    assert read_as_client(log, 0, 500, committed=True) == committed
    assert f"{path} leads astray" in caplog.text
    log.close()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_check_names_the_index(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    directory = tmp_path / "t-0"
    filled(directory)
    assert verify_partition(directory, online=False).findings == []
    for path in sorted(directory.glob("*.txnindex")):
        before = path.read_bytes()
        damage(path)
        for online in (False, True):
            findings = verify_partition(directory, online=online).findings
            assert {finding.path for finding in findings} == {path}
            assert not any(finding.mends_itself for finding in findings)
        path.write_bytes(before)


def test_all_indexes_may_be_missing(tmp_path: Path) -> None:
    directory = tmp_path / "t-0"
    committed = filled(directory)
    for path in directory.glob("*.txnindex"):
        path.unlink()
    log = reopened(directory)
    assert read_as_client(log, 0, 500, committed=True) == committed
    log.close()


def test_a_reader_that_begins_anywhere_sees_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory = tmp_path / "t-0"
    committed = filled(directory)
    log = reopened(directory)
    for start in range(0, log.end_offset, 3):
        seen = read_as_client(log, start, 500, committed=True)
        assert seen == [one for one in committed if one[0] >= start]
    assert "leads astray" not in caplog.text
    log.close()


def test_a_mended_index_of_the_last_segment_is_written_anew(tmp_path: Path) -> None:
    directory = tmp_path / "t-0"
    filled(directory)
    path = max(directory.glob("*.txnindex"))
    before = path.read_bytes()
    path.unlink()
    log = reopened(directory)
    read_as_client(log, 0, 500, committed=True)
    log.synced_checkpoint(now_ms=0).run()
    log.close()
    assert path.read_bytes() == before
    assert verify_partition(directory, online=False).findings == []


def test_no_header_is_read_for_a_log_without_transactions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "t-0"
    log = PartitionLog.create(directory, SETTINGS)
    for _ in range(30):
        log.append(memoryview(batch([0], payload=b"x" * 90)), now_ms=0)
    log.synced_checkpoint(now_ms=0).run()
    log.close()
    log = reopened(directory)
    monkeypatch.setattr("infra.broker.storage.abort_check.deciding", lambda *_: 1 / 0)
    data = log.read(0, 10_000, committed=True)
    assert len(batches_of(data)) > 5
    assert log.aborted(0, len(data)) == []
    log.close()
