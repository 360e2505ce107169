"""The demonstration, told whole: in a place of its own, and with the truth at its end."""

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.stage import Ended, Stage, ended
from tests.waiting import WAIT_S, until

NIGHT = Path(__file__).parents[2] / "examples" / "short-night.jsonl"
WHOLE_S = 300


@pytest.fixture
def site(tmp_path: Path) -> Stage:
    """The folder that the demonstration's processes are known by."""
    return Stage(tmp_path)


def demo(site: Stage, *words: object) -> subprocess.Popen[str]:
    """Start the demonstration of a short recording."""
    return subprocess.Popen(
        [sys.executable, "-m", "infra.cli", "demo", str(NIGHT), *map(str, words)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=site.environment(),
    )


def test_one_process_takes_over_and_all_tables_agree(site: Stage) -> None:
    result: Ended = ended(demo(site, "--speed", "30"), WHOLE_S)
    assert result.code == 0, result
    assert result.out.endswith("Live, replayed and rebuilt tables agree.\n")
    told = re.search(
        r"2 processes in one group; ([AB]) wrote, was killed \(SIGKILL\) at record ([\d,]+);\s+"
        r"([AB]) took over [\d.]+ s later, and ([AB]) was back to stand by after",
        result.out,
    )
    assert told is not None, result.out
    assert told[1] == told[4] != told[3]
    assert 0 < int(told[2]) < 120
    until(lambda: site.processes() == [])  # a broker that has stopped may be there for a moment


def test_what_disagrees_is_told_and_ends_it_with_1(site: Stage) -> None:
    place = site.folder / "kept"
    playing = demo(site, "--speed", "max", "--keep", place)
    until(lambda: spoilt(place / "tables.sqlite"), within=WHOLE_S)
    result = ended(playing, WHOLE_S)
    assert result.code == 1, result
    assert re.search(r"^  tcs_events .* DIFFERENT$", result.out, re.MULTILINE)
    assert re.search(r"^  tcs_latest .* same$", result.out, re.MULTILINE)
    assert result.out.endswith("Something DISAGREES: see above.\n")
    until(lambda: site.processes() == [])


def spoilt(tables: Path) -> bool:
    """Take a row away from what the replay has shown, as soon as there is one."""
    if not tables.is_file():
        return False
    table = "replay_demo__tcs_events"
    with closing(sqlite3.connect(tables, WAIT_S, isolation_level=None)) as database:
        there = "SELECT count(*) FROM sqlite_master WHERE name = ?"
        if database.execute(there, (table,)).fetchone() == (0,):
            return False
        last = f"SELECT max(data_time) FROM {table}"
        return database.execute(f"DELETE FROM {table} WHERE data_time = ({last})").rowcount > 0


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (
            "--keep .",
            73,
            r"evctl: \S+ can't be made \(File exists\): --keep takes a directory that",
        ),
        ("--speed 0", 2, "evctl: The speed is 0, and has to be a factor above 0"),
        ("--record night.db --speed max", 2, "Error: Invalid value: --record plays nothing"),
    ],
)
def test_what_it_can_not_do_is_said_before_anything_begins(
    site: Stage, words: str, code: int, sentence: str
) -> None:
    before = sorted(site.folder.iterdir())
    result = ended(demo(site, *words.replace(" .", f" {site.folder}").split()), WHOLE_S)
    assert (result.code, result.out) == (code, "")
    assert re.match(sentence, result.sentence)
    assert sorted(site.folder.iterdir()) == before
