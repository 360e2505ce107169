"""Shot files in OCD's columns: what they say, and all that can be wrong with them."""

from pathlib import Path

import pytest
from hypothesis import given

from producers.shot_file import (
    COLUMNS,
    BadShotFile,
    NoShots,
    ShotFileUnreadable,
    read,
)
from schemas import avro
from schemas.events.shot_lists import Shot, ShotListLoaded, digest_of
from schemas.topics import OBSERVATORY
from tests.unit.scheduling.listed import shots

HEADER = f"# {' '.join(COLUMNS)}\n"
Q = "89 HET18-2-100 HS0015_E 000 10:55:31.00 +51:07:40.44 2000 0.0 0.0 2000"
GOOD = f"DEX00001 12.401733 56.1464 2 1 1 -1 {Q}\n"


def file_of(folder: Path, text: str | bytes) -> Path:
    path = folder / "shots.dat"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_line_is_a_shot(tmp_path: Path) -> None:
    comment = "# autoschedule_main -v autoschedule_n_obs.dat 2457923.70 1000 1.5 0.6 1\n"
    forced = f"  DEX00005 14.663467 -3e0 1 -2 3 322 {Q}  \r\n"
    one, other = read(file_of(tmp_path, comment + HEADER + "\n" + GOOD + forced))
    assert (one.shotid, one.ra, one.dec, one.track) == ("DEX00001", 12.401733, 56.1464, 2)
    assert (one.priority, one.n_obs, one.forced_az) == (1, 1, None)
    assert (other.dec, other.track, other.priority, other.forced_az) == (-3.0, 1, -2, 322.0)
    assert one.metadata["QRA"] == "10:55:31.00"
    assert tuple(one.metadata) == COLUMNS[7:]


def test_everything_wrong_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    lines = [
        "# shotid dec ra",
        f"A 24 -91 3 x -1 400 {Q}",
        f"B nan 1_0 2 1 1 inf {Q}",
        "C 1 2 3",
        f"D 1 2 0 1 1 300 {Q}",
        GOOD.strip(),
        GOOD.strip(),
    ]
    path = file_of(tmp_path, "\n".join(lines).encode() + b"\n\xff\xfe\n")
    with pytest.raises(BadShotFile) as raised:
        read(path)
    found = [(fault.line, fault.column) for fault in raised.value.faults]
    columns = ("ra", "dec", "track", "priority", "n_obs", "forced_az")
    assert found == [
        (1, ""),
        *((2, column) for column in columns),
        *((3, column) for column in ("ra", "dec", "forced_az")),
        *((4, ""), (5, "forced_az"), (7, "shotid"), (8, "")),
    ]
    said = str(raised.value)
    assert f"{path}:2: column dec: '-91' is not a declination in degrees, -90 to 90" in said
    assert f"{path}:7: column shotid: 'DEX00001' is not one of its own: line 6 has it" in said
    assert f"{path}:4: 'C 1 2 3' is not a shot, which has 17 columns (it has 4)" in said
    assert said.endswith("The columns are: " + " ".join(COLUMNS))


def test_a_file_without_shots_or_none_at_all_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoShots, match=r"shots\.dat has no shots"):
        read(file_of(tmp_path, HEADER))
    with pytest.raises(ShotFileUnreadable, match="No such file"):
        read(tmp_path / "missing.dat")
    with pytest.raises(ShotFileUnreadable, match="directory"):
        read(tmp_path)


def test_of_very_many_faults_the_first_are_told(tmp_path: Path) -> None:
    with pytest.raises(BadShotFile, match=r"has 5,000 bad lines.*(?s:.)*… and 4,900 faults more"):
        read(file_of(tmp_path, "x\n" * 5000))


@given(shots())
def test_a_list_is_the_same_after_the_log_and_has_one_digest(listed: list[Shot]) -> None:
    event = ShotListLoaded(1, "shots.dat", digest_of(listed), listed, "me")
    cls = ShotListLoaded
    again = avro.reader(avro.schema_of(cls), cls)(avro.writer(cls)(event), 0)
    assert again == event
    assert digest_of(again.shots) == event.digest
    if len(listed) > 1:
        assert digest_of(listed[::-1]) != event.digest


def test_three_thousand_shots_fit_into_a_record(tmp_path: Path) -> None:
    lines = [GOOD.replace("DEX00001", f"DEX{number:05}") for number in range(3000)]
    listed = read(file_of(tmp_path, "".join(lines)))
    event = ShotListLoaded(1, "shots.dat", digest_of(listed), listed, "me")
    assert len(avro.writer(ShotListLoaded)(event)) < OBSERVATORY.max_bytes / 4
