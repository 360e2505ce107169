"""What the reference page shows is what is read and written."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from producers.formats import open_recording, readers
from tests.unit.recordings.arbitrary import event, written


@pytest.fixture(scope="module")
def page(project_root: Path) -> str:
    return (project_root / "docs" / "reference" / "recordings.md").read_text()


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)


def definitions(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
    return [" ".join(sql.split()) for (sql,) in rows]


def test_the_example_of_a_night_database_is_read(page: str, tmp_path: Path) -> None:
    path = tmp_path / "night.db"
    with closing(sqlite3.connect(path)) as database:
        for block in blocks(page, "sql"):
            database.executescript(block)
    (entry,) = open_recording(path).entries()
    values = {"ra": 10.916722, "dec": 51.1279, "guiding": True}
    assert entry.event == event(values, original_text={"dec": "51.127900", "guiding": "True"})
    again = written(tmp_path / "again.db", "sqlite", [entry])
    assert definitions(again.path) == definitions(path)


def test_the_example_of_a_line_is_read_and_written(page: str, tmp_path: Path) -> None:
    (line,) = blocks(page, "json")
    path = tmp_path / "night.jsonl"
    path.write_text(line)
    (entry,) = open_recording(path).entries()
    assert entry.event == event({"ra": 10.916722, "dec": 51.1279, "guiding": True})
    assert written(tmp_path / "again", "jsonl", [entry]).path.read_text() == line


def test_every_format_is_described(page: str) -> None:
    for name in readers():
        assert f"\n| `{name}` |" in page
        assert f"\n## {name}\n" in page
