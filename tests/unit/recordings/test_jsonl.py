"""JSON Lines: what is read, and what is refused by its line."""

import gzip
import math
from pathlib import Path
from typing import Any

import orjson
import pytest

from producers import Entry
from producers.errors import BadEntry, DamagedRecording
from producers.formats import open_recording
from tests.unit.recordings.arbitrary import content, event, written

HEADER = (
    '"__system":"tcs","__source":"root","__key":"ra_dec","__data_time":"1526374800.123456",'
    '"__wire_time":"1526374800.125000","__data":false'
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "night.jsonl"


def line(members: str) -> str:
    return f"{{{HEADER},{members}}}\n" if members else f"{{{HEADER}}}\n"


def values(path: Path, members: str) -> Any:
    path.write_text(line(members))
    (entry,) = open_recording(path).entries()
    return entry.event.values


@pytest.mark.parametrize(
    ("members", "wanted"),
    [
        ('"a":1,"A":1.0,"":""', {"a": 1, "A": 1.0, "": ""}),
        ('"a":"5","t":"TRUE"', {"a": "5", "t": "TRUE"}),
        ('"a":[1,null,"x",true,-0.0],"n":null', {"a": [1, None, "x", True, -0.0], "n": None}),
        ('"a":[NaN,Infinity,-Infinity]', {"a": [math.nan, math.inf, -math.inf]}),
        ('"a":NaN,"b":9223372036854775807', {"a": math.nan, "b": 2**63 - 1}),
        ('"a":1e300,"b":18446744073709551616.0', {"a": 1e300, "b": 2.0**64}),
        ('"a":"\\ud83d\\udd2d\\u0000","__pid":7', {"a": "\U0001f52d\0", "__pid": 7}),
    ],
)
def test_members_are_values_by_their_json_type(path: Path, members: str, wanted: object) -> None:
    assert repr(values(path, members)) == repr(wanted)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ('"a":9223372036854775808', "field a: 9223372036854775808 is not a whole number of 64"),
        ('"a":99999999999999999999', "field a: 99999999999999999999 is not a whole number of 64"),
        ('"a":[-99999999999999999999]', "field a[0]: -99999999999999999999 is not a whole"),
        ('"a":1e400', "1e400 is beyond the range"),
        ('"a":{"b":1}', "field a: {'b': 1} is not a number, text"),
        ('"a":[[1]]', "field a[0]: [1] is not a number, text"),
        ('"a":"\\ud800"', "is not text with whole surrogate pairs"),
        ('"a":', "is not JSON"),
        ('"a":' + "[" * 100_000, "is not JSON"),
        ('"__id":"7"', "field __id: '7' is not a UUID"),
        ('"__id":7', "field __id: 7 is not a UUID"),
        ('"__original_text":{"a":1}', "field __original_text: {'a': 1} is not an object of texts"),
        ('"__data_time":null', "field __data_time: None is not Unix seconds"),
        ('"__data":0', "field __data: 0 is not true or false"),
        ('"__key":0', "is not text"),
    ],
)
def test_a_bad_line_is_refused_with_its_number(path: Path, members: str, said: str) -> None:
    path.write_text(line("") + "\n" + line(members))
    entries = open_recording(path).entries()
    next(entries)
    with pytest.raises(BadEntry) as error:
        next(entries)
    assert str(error.value).startswith(f"{path}:3: ")
    assert said in str(error.value)


@pytest.mark.parametrize(
    "name", ["__system", "__source", "__key", "__data_time", "__wire_time", "__data"]
)
def test_a_missing_reserved_name_is_said(path: Path, name: str) -> None:
    members = orjson.loads(line(""))
    del members[name]
    path.write_bytes(orjson.dumps(members))
    with pytest.raises(BadEntry, match=f":1: field {name}: missing: each event has __system"):
        list(open_recording(path).entries())


@pytest.mark.parametrize("text", ["[]", "7", "null", "{", "\x00", "\xff"])
def test_a_line_that_is_no_object_is_refused(path: Path, text: str) -> None:
    path.write_text(text, encoding="latin-1")
    with pytest.raises(BadEntry, match=":1: field \\(event\\)"):
        list(open_recording(path, format="jsonl").entries())


def test_times_may_be_numbers_as_a_clock_gives_them(path: Path, tmp_path: Path) -> None:
    path.write_text(line("").replace('"1526374800.125000"', "1526374800.125"))
    recording = open_recording(path)
    (entry,) = recording.entries()
    assert entry.event == event({}, original_text={"__wire_time": "1526374800.125"})
    assert content(written(tmp_path / "again", "sqlite", recording)) == content(recording)


def test_blank_lines_are_no_events_and_the_last_needs_no_end(path: Path) -> None:
    path.write_text(f"\n{line('')}  \n\r\n{line('').strip()}")
    recording = open_recording(path, format="jsonl")
    assert [entry.where for entry in recording.entries()] == [2, 5]
    assert [entry.where for entry in recording.entries(start=1)] == [5]


def test_compression_is_seen_by_content_and_damage_said(path: Path) -> None:
    packed = gzip.compress(b"".join(line(f'"n":{n}').encode() for n in range(5000)))
    path.write_bytes(packed)
    assert sum(1 for _ in open_recording(path).entries()) == 5000
    assert open_recording(path).count() is None
    path.write_bytes(packed[: len(packed) // 2])
    read: list[Entry] = []
    with pytest.raises(DamagedRecording) as error:
        read.extend(open_recording(path).entries())
    assert 0 < len(read) == error.value.readable < 5000


def test_what_is_written_reads_as_on_the_wire(path: Path) -> None:
    one = event({"b": 5.0, "a": "5", "n": None}, original_text={"b": "5.00", "__data": "FALSE"})
    path.write_text(
        line('"b":5.0,"a":"5","n":null,"__original_text":{"b":"5.00"}').replace("false", '"FALSE"')
    )
    (entry,) = open_recording(path).entries()
    assert entry.event == one
    again = written(path.with_name("again"), "jsonl", [entry])
    assert again.path.read_bytes() == path.read_bytes()
