"""Writing a recording and reading it again is the identity, whatever the format."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given

from producers import Entry
from producers.formats import open_recording, writers
from producers.identity import event_digest
from tests.unit.recordings.arbitrary import ENTRIES, content, written

FORMATS = sorted(writers())


def test_both_documented_formats_can_be_written() -> None:
    assert FORMATS == ["jsonl", "sqlite"]


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("name", ["night", "night.gz"])
@given(entries=ENTRIES)
def test_every_event_comes_back(format_: str, name: str, entries: list[Entry]) -> None:
    with TemporaryDirectory() as folder:
        recording = written(Path(folder, name), format_, entries)
        assert content(recording) == content(entries)
        again = written(Path(folder, "again"), format_, recording)
        assert content(again) == content(entries)


@given(entries=ENTRIES)
def test_an_event_is_the_same_in_every_format(entries: list[Entry]) -> None:
    wanted = [event_digest(entry.event) for entry in entries]
    with TemporaryDirectory() as folder:
        for format_ in FORMATS:
            recording = written(Path(folder, format_), format_, entries)
            assert [event_digest(entry.event) for entry in recording.entries()] == wanted


@pytest.mark.parametrize("format_", FORMATS)
@given(entries=ENTRIES)
def test_reading_can_start_at_any_entry(format_: str, entries: list[Entry]) -> None:
    with TemporaryDirectory() as folder:
        recording = written(Path(folder, "night"), format_, entries)
        for start in range(len(entries) + 2):
            assert content(list(recording.entries(start))) == content(entries[start:])
        assert recording.count() == len(entries)


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize(
    "file", ["efd/rubin_summit_2023.jsonl.gz", "hetdex/shots_2017_2019.txt"], ids=["efd", "hetdex"]
)
def test_real_recordings_come_back(
    shared_data: Path, tmp_path: Path, file: str, format_: str
) -> None:
    recording = open_recording(shared_data / file)
    first = [entry for entry, _ in zip(recording.entries(), range(1500), strict=False)]
    assert content(written(tmp_path / "night", format_, first)) == content(first)
