"""An archive that is not as it was written is refused before anything of it is used."""

import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.archive import building, manifest
from infra.archive.checking import check
from infra.archive.errors import (
    ArchiveExists,
    ArchiveNotWritten,
    DamagedArchive,
)
from infra.cli import app
from infra.signals import Stop

RELEASE = Path(__file__).parents[1] / "fixtures" / "archive-0.1"
EVENTS = "events/observatory-0.evctl.TcsEvent.713362445.avro"
ROWS = "records/observatory-0.avro"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of a release's archive."""
    return Path(shutil.copytree(RELEASE, tmp_path / "archive"))


def flipped(name: str) -> Callable[[Path], None]:
    """Change a byte in the middle of a file."""

    def flip(folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 1
        (folder / name).write_bytes(data)

    return flip


def cut(name: str) -> Callable[[Path], None]:
    """Cut a file off."""

    def shorten(folder: Path) -> None:
        (folder / name).write_bytes((folder / name).read_bytes()[:-5])

    return shorten


def gone(name: str) -> Callable[[Path], None]:
    """Remove a file."""
    return lambda folder: (folder / name).unlink()


def said(change: Callable[[Any], object]) -> Callable[[Path], None]:
    """Let the manifest say something else, and its digest fit to that."""

    def write(folder: Path) -> None:
        told = json.loads((folder / manifest.NAME).read_text())
        del told["sha256"]
        change(told)
        text = json.dumps(told, indent=1) + "\n"
        told["sha256"] = sha256(text.encode()).hexdigest()
        (folder / manifest.NAME).write_text(json.dumps(told, indent=1) + "\n")

    return write


def files_say(path: str, member: str, value: object) -> Callable[[Any], None]:
    """Let the manifest say something else of a file."""

    def change(told: Any) -> None:
        (file,) = [file for file in told["files"] if file["path"] == path]
        file[member] = value

    return change


DAMAGED = {
    "an event": (flipped(EVENTS), rf"{EVENTS} is altered: its bytes have another digest: take"),
    "a row": (flipped(ROWS), rf"{ROWS} is altered"),
    "the seal": (flipped("seal.json"), r"seal\.json is altered"),
    "the manifest": (flipped(manifest.NAME), r"manifest\.json is "),
    "no events": (gone(EVENTS), rf"{EVENTS} is missing"),
    "no rows": (gone(ROWS), rf"{ROWS} is missing"),
    "no seal": (gone("seal.json"), r"seal\.json is missing"),
    "cut": (cut(EVENTS), rf"{EVENTS} has [\d,]+ bytes, not the [\d,]+ that were written"),
    "cut manifest": (cut(manifest.NAME), r"manifest\.json is no manifest"),
    "count of events": (
        said(files_say(EVENTS, "records", 7)),
        rf"{EVENTS} has \d+ records, and the manifest says 7",
    ),
    "count of rows": (
        said(files_say(ROWS, "records", 7)),
        rf"{ROWS} has \d+ records, and the manifest says 7",
    ),
    "digest of a partition": (
        said(lambda told: told["partitions"][0].update(digest="00")),
        r"records/alerts-0\.avro has other records than the manifest says",
    ),
    "a schema": (
        said(lambda told: told["schemas"][0]["schema"].update(name="Other")),
        r"manifest\.json has another schema \d+ than its fingerprint says",
    ),
    "a schema's id": (
        said(lambda told: told["schemas"].pop()),
        r"records/\S+\.avro names schema \d+, which the manifest does not have",
    ),
    "a path that leads away": (
        said(lambda told: told["files"][0].update(path="../../etc/passwd")),
        r"manifest\.json is no manifest .*lies outside",
    ),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_not_as_it_was_written_is_named(folder: Path, name: str) -> None:
    damage, sentence = DAMAGED[name]
    damage(folder)

    with pytest.raises(DamagedArchive, match=sentence) as refused:
        check(folder, Stop(), lambda _: None)
    assert refused.value.exit_code == 65


def test_as_it_was_written_it_is_taken(folder: Path) -> None:
    (folder / "README.txt").write_text("ours")
    assert check(folder, Stop(), lambda _: None).seal == 1


@pytest.mark.parametrize(
    ("words", "make", "code", "sentence"),
    [
        ("import x", gone(manifest.NAME), 66, "x has no manifest.json: name the directory"),
        ("import x/y --format archive", flipped(EVENTS), 66, "x/y is not there: name the dire"),
        ("import x", said(lambda told: told.update(format=2)), 78, "is of format 2, and this evct"),
        ("import x", flipped(EVENTS), 65, "is altered: its bytes have another digest"),
        ("export all --to y --format archive", gone(EVENTS), 2, "an archive holds one night"),
        (
            "export 2026-11-21 --to x/events --format archive",
            gone(EVENTS),
            73,
            "x/events is there already, and is no archive: name another directory",
        ),
        (
            "export 2026-11-21 --to x/seal.json --format archive",
            gone(EVENTS),
            73,
            "x/seal.json is there already, and is no directory",
        ),
    ],
)
def test_bad_input_is_one_sentence_and_touches_no_log(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    make: Callable[[Path], None],
    code: int,
    sentence: str,
) -> None:
    make(folder)
    folder.rename(folder.parent / "x")
    monkeypatch.chdir(folder.parent)

    ended = CliRunner().invoke(app, words.split())

    assert ended.exit_code == code, ended.output
    assert sentence in " ".join(ended.output.split())
    assert [path.name for path in folder.parent.iterdir()] == ["x"]


def test_another_archive_is_not_replaced_but_by_force(folder: Path, tmp_path: Path) -> None:
    made = manifest.read(folder)
    assert building.is_there(folder, made)
    said(lambda told: told["partitions"][0].update(digest="00"))(folder)
    with pytest.raises(ArchiveExists, match="another archive, of 2026-11-21"):
        building.is_there(folder, made)
    flipped(manifest.NAME)(folder)
    with pytest.raises(ArchiveExists, match="is damaged"):
        building.is_there(folder, made)
    with building.building(folder) as partial:
        (partial / "new").touch()
        building.put(partial, folder, force=True)
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]


def test_a_disk_that_refuses_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ArchiveNotWritten, match="file/archive was not written: Not a directory"),
        building.building(tmp_path / "file" / "archive"),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
