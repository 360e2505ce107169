"""HETDEX's shot lists as recordings."""

from pathlib import Path

import pytest
from astropy.time import Time

from producers.errors import BadEntry
from producers.formats import open_recording
from schemas.events.tcs import TcsEvent
from schemas.utc import MICROS

LINE = "20170103 002 COS10_W_000_W 57756.4738290752 9.9924 1.886055 212.198053 395.087538\n"


def shots(path: Path, text: str) -> list[TcsEvent]:
    path.write_text(text)
    return [entry.event for entry in open_recording(path, format="hetdex").entries()]


def test_the_real_list_is_read_whole(shared_data: Path) -> None:
    recording = open_recording(shared_data / "hetdex" / "shots_2017_2019.txt")
    events = [entry.event for entry in recording.entries()]
    assert (recording.format, recording.count(), len(events)) == ("hetdex", 2450, 2450)
    assert {event.topic for event in events} == {"ocd.run_shot.run"}
    tracks = [event.values["track"] for event in events]
    assert (tracks.count(0), tracks.count(1)) == (667, 632)
    assert sum(event.values["ra"] is None for event in events) == 21


def test_a_line_is_the_start_of_a_shot(tmp_path: Path) -> None:
    (shot,) = shots(tmp_path / "list", LINE)
    assert shot.values == {
        "exec_status": "START",
        "shotid": "COS10_W_000_W",
        "track": 1,
        "obsdate": 20170103,
        "obs_number": 2,
        "mjd": 57756.4738290752,
        "ra": 9.9924,
        "dec": 1.886055,
        "parallactic": 212.198053,
        "exptime": 395.087538,
    }
    assert shot.original_text == {"obs_number": "002"}
    assert shot.data_time == shot.wire_time
    wanted = Time(57756, 0.4738290752, format="mjd", scale="utc").unix
    assert shot.data_time / MICROS == pytest.approx(wanted, abs=2e-6)


def test_missing_numbers_are_null_and_a_missing_time_is_the_date(tmp_path: Path) -> None:
    (shot,) = shots(tmp_path / "list", "20170103 2 X -999999.9 -999999.9 5 -999999.9 0.10")
    assert [shot.values[name] for name in ("mjd", "ra", "dec", "track")] == [None, None, 5.0, None]
    assert shot.original_text == {"dec": "5", "exptime": "0.10"}
    assert shot.data_time == 1_483_401_600 * MICROS


@pytest.mark.parametrize(
    ("name", "track"),
    [
        *(("COS46_E-000", 0), ("HF45_W_094", 1), ("DEXsp6127_000_W_test", 1), ("HS_E_000_W", 1)),
        *(("DEXsp1509", None), ("X_East", None), ("COSWE", None)),
    ],
)
def test_the_track_is_in_the_name(tmp_path: Path, name: str, track: int | None) -> None:
    (shot,) = shots(tmp_path / "list", LINE.replace("COS10_W_000_W", name))
    assert shot.values["track"] == track


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (LINE.replace("9.9924", ""), "is not the 8 columns"),
        (LINE.replace("9.9924", "ten"), "field ra: 'ten' is not a decimal number"),
        (LINE.replace("20170103", "20171303"), "field obsdate: '20171303' is not a date"),
        (LINE.replace("002", "two"), "field obs_number: 'two' is not a whole number"),
        (LINE.replace("57756.4738290752", "1" * 300), "field mjd"),
        (LINE.replace("COS", "\udcff"), "is not UTF-8"),
    ],
)
def test_a_bad_line_is_refused(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "list"
    path.write_text(LINE + line, errors="surrogateescape")
    with pytest.raises(BadEntry) as error:
        list(open_recording(path).entries())
    assert str(error.value).startswith(f"{path}:2: ")
    assert said in str(error.value)
