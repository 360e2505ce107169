"""A recording is written whole or not at all."""

import resource
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path

import pytest

from producers import Entry
from producers.errors import RecordingExists, RecordingNotWritten, ReservedName, Unencodable
from producers.formats import open_recording, writer_for, writers
from tests.unit.recordings.arbitrary import event

ENTRY = Entry(event({"ra": 9.9924}), None, 0)
FORMATS = sorted(writers())
pytestmark = pytest.mark.parametrize("format_", FORMATS)


def write(path: Path, format_: str, entries: Iterable[Entry]) -> None:
    with writer_for(format_)(path) as writer:
        for entry in entries:
            writer.add(entry)


def interrupted() -> Iterator[Entry]:
    yield ENTRY
    raise KeyboardInterrupt


def test_a_file_that_is_there_stays_unless_it_may_go(tmp_path: Path, format_: str) -> None:
    path = tmp_path / "night"
    path.write_text("precious")
    with pytest.raises(RecordingExists) as error:
        writer_for(format_)(path)
    assert error.value.exit_code == 73
    with writer_for(format_)(path, overwrite=True) as writer:
        writer.add(ENTRY)
        assert path.read_text() == "precious"
    assert open_recording(path).count() == 1


def test_a_writer_that_is_interrupted_leaves_nothing(tmp_path: Path, format_: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "night", format_, interrupted())
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_left_is_written_over(tmp_path: Path, format_: str) -> None:
    (tmp_path / "night.partial").write_text("half a recording")
    write(tmp_path / "night", format_, [ENTRY])
    assert [path.name for path in tmp_path.iterdir()] == ["night"]


def test_a_night_without_events_is_a_recording(tmp_path: Path, format_: str) -> None:
    write(tmp_path / "night", format_, [])
    assert list(open_recording(tmp_path / "night", format=format_).entries()) == []


@pytest.mark.parametrize("name", ["__system", "__data", "__wire_time"])
def test_a_value_by_a_reserved_name_is_refused(tmp_path: Path, format_: str, name: str) -> None:
    with pytest.raises(ReservedName, match=f"tcs.root.ra_dec has a value named '{name}'"):
        write(tmp_path / "night", format_, [Entry(event({name: 1}), None, 0)])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bad", [{"a": "\ud800"}, {"\ud800": 1}, {"a": [None, "\ud800"]}])
def test_text_without_a_utf8_form_is_refused(
    tmp_path: Path, format_: str, bad: dict[str, object]
) -> None:
    with pytest.raises(Unencodable, match="surrogate"):
        write(tmp_path / "night", format_, [Entry(event(bad), None, 0)])
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_said(tmp_path: Path, format_: str) -> None:
    with pytest.raises(RecordingNotWritten, match="was not written"):
        write(tmp_path / "none" / "night", format_, [])


def test_a_full_disk_is_said_and_nothing_is_left(tmp_path: Path, format_: str) -> None:
    path = tmp_path / "night"
    with pytest.raises(RecordingNotWritten) as error, _files_of_at_most(64 * 1024):
        write(path, format_, repeat(ENTRY, 20_000))
    assert error.value.exit_code == 74
    assert list(tmp_path.iterdir()) == []


@contextmanager
def _files_of_at_most(size: int) -> Iterator[None]:
    """Have the system refuse to write beyond a size, as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
