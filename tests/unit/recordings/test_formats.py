"""Which format a file is of."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from producers import Entry
from producers.errors import EmptyFile, NoRecording, NotRecognised, UnknownFormat
from producers.formats import open_recording, readers, writer_for
from producers.simulated_night import simulated_night
from tests.unit.recordings.arbitrary import written

SHOT = "20170103 002 COS10_W_000_W 57756.4738290752 9.9924 1.886055 212.198053 395.087538\n"
SAMPLE = '{"topic":"a.b.c","time_ns":1,"fields":{"a":1}}\n'


def _night(format_: str) -> Callable[[Path], object]:
    entries = [Entry(event, None, 0) for event in simulated_night(1, duration=60)]
    return lambda path: written(path, format_, entries)


FILES: dict[str, Callable[[Path], object]] = {
    "sqlite": _night("sqlite"),
    "jsonl": _night("jsonl"),
    "efd": lambda path: path.write_text(SAMPLE),
    "hetdex": lambda path: path.write_text(SHOT),
}


def test_every_format_is_tried_here() -> None:
    assert set(FILES) == set(readers())


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_recognised_by_one_format(tmp_path: Path, name: str) -> None:
    path = tmp_path / "night"
    FILES[name](path)
    assert [kind.format for kind in readers().values() if kind.recognises(path)] == [name]
    assert open_recording(path).format == name


@pytest.mark.parametrize("name", sorted(set(FILES) - {"sqlite"}))
def test_compressed_lines_are_recognised_too(tmp_path: Path, name: str) -> None:
    path = tmp_path / "night"
    FILES[name](path)
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert open_recording(path).format == name


@pytest.mark.parametrize("content", [b"\0" * 99, b"hello\n", b'{"a":1}\n', b"\x1f\x8bbroken"])
def test_other_content_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "night"
    path.write_bytes(content)
    with pytest.raises(NotRecognised, match="known: efd, hetdex, jsonl, sqlite") as error:
        open_recording(path)
    assert error.value.exit_code == 65


def test_an_empty_file_is_refused_unless_its_format_is_named(tmp_path: Path) -> None:
    path = tmp_path / "night"
    path.touch()
    with pytest.raises(EmptyFile, match="is empty"):
        open_recording(path)
    assert list(open_recording(path, format="jsonl").entries()) == []


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    files = {"": "is not a file", "pipe": "is not a file", "none": "does not exist"}
    for path, said in ((tmp_path / name, said) for name, said in files.items()):
        with pytest.raises(NoRecording, match=said) as error:
            open_recording(path)
        assert error.value.exit_code == 66


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "night"
    path.write_text(SAMPLE)
    with pytest.raises(UnknownFormat, match="no format 'fits' to read; known: efd, hetdex"):
        open_recording(path, format="fits")
    with pytest.raises(UnknownFormat, match="no format 'efd' to write; known: jsonl, sqlite"):
        writer_for("efd")
