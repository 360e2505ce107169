"""Samples of Rubin's EFD as recordings."""

from pathlib import Path

import orjson
import pytest

from producers.errors import BadEntry
from producers.formats import open_recording
from schemas import utc
from tests.unit.recordings.arbitrary import content, written


def sample(path: Path, **changes: object) -> Path:
    found = {"topic": "lsst.sal.MTMount.azimuth", "time_ns": 1_685_543_363_697_335_123}
    path.write_bytes(orjson.dumps({**found, "fields": {}, **changes}))
    return path


def test_the_real_recording_is_read_whole(shared_data: Path) -> None:
    recording = open_recording(shared_data / "efd" / "rubin_summit_2023.jsonl.gz")
    entries = list(recording.entries())
    assert (recording.format, len(entries)) == ("efd", 11_394)
    first = entries[0].event
    assert first.topic == "sal.MTMount.logevent_azimuthMotionState"
    assert utc.iso(first.data_time) == "2023-05-31T14:29:23.697335Z"
    assert (first.values["state"], first.wire_time) == (3, first.data_time)
    assert len({entry.event.topic for entry in entries}) == 13


def test_digits_beyond_microseconds_come_back(tmp_path: Path) -> None:
    recording = open_recording(sample(tmp_path / "efd", fields={"a": 1}))
    (entry,) = recording.entries()
    assert entry.event.data_time == 1_685_543_363_697_335
    text = "1685543363.697335123"
    assert entry.event.original_text == {"__data_time": text, "__wire_time": text}
    again = written(tmp_path / "again", "jsonl", recording)
    assert f'"__data_time":"{text}"' in again.path.read_text()
    assert content(again) == content(recording)


def test_instants_before_1970_are_cut_towards_the_past(tmp_path: Path) -> None:
    (entry,) = open_recording(sample(tmp_path / "efd", time_ns=-1)).entries()
    assert entry.event.data_time == -1
    assert entry.event.original_text["__data_time"] == "-0.000000001"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"topic": "MTMount.azimuth"},
            "field topic: 'MTMount.azimuth' is not a name of three",
        ),
        ({"topic": None}, "field topic"),
        ({"time_ns": 1.5}, "field time_ns: 1.5 is not a whole number"),
        ({"time_ns": 2**63}, "field time_ns"),
        ({"fields": [1]}, "field fields"),
        ({"fields": {"a": {}}}, "field a"),
        ({"fields": {"a": 2**63}}, "field a: 9223372036854775808"),
    ],
)
def test_a_bad_sample_is_refused(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    path = sample(tmp_path / "efd", **changes)
    with pytest.raises(BadEntry) as error:
        list(open_recording(path).entries())
    assert str(error.value).startswith(f"{path}:1: ")
    assert said in str(error.value)
