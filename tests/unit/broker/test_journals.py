"""Damage in the files of changes: nothing intact is cut away, unless a power loss left a hole."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.broker.check import verify_journals
from infra.broker.errors import JournalDamaged
from infra.broker.groups.offsets import Committed, CommittedOffsets
from infra.broker.groups.store import GroupStore
from infra.broker.storage import checkpoint as checkpoints
from infra.broker.storage import power_loss
from infra.broker.storage.disk import Disk
from infra.broker.storage.journal import ALL_FILES, OFFSETS_FILE, Journal
from infra.broker.transactions.store import TransactionStore
from infra.cli import app

OPENED: dict[str, Callable[[Path], object]] = {
    "committed-offsets.log": CommittedOffsets,
    "groups.log": GroupStore,
    "transactions.log": lambda data_dir: TransactionStore(data_dir, Disk(data_dir, 0)),
}


def journal_of(path: Path, lines: int) -> list[int]:
    """Write deletions of groups; returns where each line begins."""
    journal = Journal(path)
    starts = []
    for number in range(lines):
        starts.append(path.stat().st_size)
        journal.append([["some-group", "some-topic", number]])
    journal.close()
    return starts


def overwrite(path: Path, position: int, content: bytes) -> bytes:
    """Change bytes in the middle; returns all that is there now."""
    changed = bytearray(path.read_bytes())
    changed[position : position + len(content)] = content
    path.write_bytes(changed)
    return bytes(changed)


def restart_machine(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the directory be served before the machine starts anew."""
    power_loss.served_now(data_dir)
    another = data_dir / "another-boot"
    another.write_text("another")
    monkeypatch.setattr(checkpoints, "_BOOT_ID", another)


@pytest.mark.parametrize("name", ALL_FILES)
def test_a_changed_byte_before_intact_lines_is_refused_and_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    starts = journal_of(path, 5)
    content = overwrite(path, starts[2] + 15, b"X")
    with pytest.raises(JournalDamaged, match="Restore the file from a copy") as refused:
        OPENED[name](tmp_path)
    assert (refused.value.path, refused.value.line, refused.value.position) == (path, 3, starts[2])
    assert f"{path} is damaged in line 3 (byte {starts[2]})" in str(refused.value)
    assert refused.value.exit_code == 5
    assert path.read_bytes() == content


@pytest.mark.parametrize("end", [b"\r", b"\0"])
def test_a_changed_end_of_a_line_does_not_hide_the_last_one(tmp_path: Path, end: bytes) -> None:
    path = tmp_path / OFFSETS_FILE
    starts = journal_of(path, 3)
    overwrite(path, starts[2] - 1, end)
    with pytest.raises(JournalDamaged):
        CommittedOffsets(tmp_path)


def test_a_cut_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / OFFSETS_FILE
    CommittedOffsets(tmp_path).commit([(("g", "a", 0), Committed(5))])
    intact = path.read_bytes()
    path.write_bytes(intact + intact[:20])
    assert CommittedOffsets(tmp_path).get("g", "a", 0) == Committed(5)
    assert f"{path}: cut 20 bytes of a torn line at byte {len(intact)}" in caplog.text
    assert path.read_bytes() == intact


@pytest.mark.parametrize("name", ALL_FILES)
def test_what_lies_behind_a_hole_of_a_power_loss_is_set_aside(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / name
    starts = journal_of(path, 300)
    hole = starts[90] + 10
    content = overwrite(path, hole, bytes(4096 - hole % 4096))  # a page never reached the disk
    restart_machine(tmp_path, monkeypatch)
    journal = Journal(path)
    assert len(journal.read()) == 90
    assert path.read_bytes() == content[: starts[90]]
    assert path.with_suffix(f".{starts[90]}.cut").read_bytes() == content[starts[90] :]
    assert f"it ends at byte {starts[90]}" in caplog.text
    journal.append([["some-group", "some-topic", 0]])
    journal.close()
    assert len(Journal(path).read()) == 91


def test_a_changed_byte_is_damage_after_a_power_loss_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / OFFSETS_FILE
    starts = journal_of(path, 300)
    overwrite(path, starts[90] + 15, b"X")
    restart_machine(tmp_path, monkeypatch)
    with pytest.raises(JournalDamaged):
        CommittedOffsets(tmp_path)
    assert not list(tmp_path.glob("*.cut"))


def test_a_hole_is_damage_where_no_power_was_lost(tmp_path: Path) -> None:
    path = tmp_path / OFFSETS_FILE
    starts = journal_of(path, 300)
    power_loss.served_now(tmp_path)
    overwrite(path, starts[90], bytes(4096 - starts[90] % 4096))
    with pytest.raises(JournalDamaged):
        CommittedOffsets(tmp_path)


@pytest.mark.parametrize("name", ALL_FILES)
def test_a_check_names_the_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    starts = journal_of(path, 5)
    assert list(verify_journals(tmp_path, online=False)) == []
    overwrite(path, starts[2] + 15, b"X")
    for online in (False, True):
        (finding,) = verify_journals(tmp_path, online=online)
        assert (finding.path, finding.position, finding.mends_itself) == (path, starts[2], False)
    said = CliRunner().invoke(app, ["broker", "check"], env={"EVCTL_LOG__DATA_DIR": str(tmp_path)})
    assert said.exit_code == 5
    assert f"{path}: byte {starts[2]}: line 3 is not as it was written" in said.output


def test_a_torn_line_is_found_but_no_damage(tmp_path: Path) -> None:
    path = tmp_path / OFFSETS_FILE
    journal_of(path, 2)
    path.write_bytes(path.read_bytes()[:-3])
    (finding,) = verify_journals(tmp_path, online=False)
    assert finding.mends_itself
    assert list(verify_journals(tmp_path, online=True)) == []
