"""The SQLite night database: what others may have written, and what can be wrong with it."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from producers import Entry
from producers.errors import BadEntry, DamagedRecording, NotANightDatabase
from producers.formats import open_recording
from tests.unit.recordings.arbitrary import content, event, written

PLAIN = """
CREATE TABLE event (id INTEGER PRIMARY KEY, topic TEXT);
CREATE TABLE attribute (event_id INTEGER, key TEXT, value TEXT);
"""
HEADER = {
    "__system": "tcs",
    "__source": "root",
    "__key": "ra_dec",
    "__data_time": "1526374800.123456",
    "__wire_time": "1526374800.125000",
    "__data": "false",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "night.db"


def database(path: Path, schema: str = PLAIN, **values: object) -> sqlite3.Connection:
    """Return a database of one event, whose id is 7."""
    made = sqlite3.connect(path, isolation_level=None)
    made.executescript(schema)
    made.execute("INSERT INTO event (id, topic) VALUES (7, 'tcs.root.ra_dec')")
    attribute(made, 7, {**HEADER, **values}.items())
    return made


def attribute(made: sqlite3.Connection, number: int, rows: Iterable[tuple[str, object]]) -> None:
    made.executemany(
        f"INSERT INTO attribute (event_id, key, value) VALUES ({number}, ?, ?)", list(rows)
    )


def refused(path: Path) -> str:
    with pytest.raises(BadEntry) as error:
        list(open_recording(path).entries())
    return str(error.value)


def test_texts_become_values(path: Path) -> None:
    texts = {"n": "5", "x": "1.50", "t": "TRUE", "s": "007", "S": " 5", "": "", "ö": "\U0001f52d "}
    database(path, **texts).close()
    (entry,) = open_recording(path).entries()
    values = {"n": 5, "x": 1.5, "t": True, "s": "007", "S": " 5", "": "", "ö": "\U0001f52d "}
    assert entry.event == event(values, original_text={"x": "1.50", "t": "TRUE"})
    assert (entry.given_id, entry.where) == (None, 7)


@pytest.mark.parametrize(
    ("switches", "values"),
    [
        ({"convert_numbers": False}, {"n": "5", "x": "1.50", "t": True}),
        ({"convert_booleans": False}, {"n": 5, "x": 1.5, "t": "TRUE"}),
        (
            {"convert_numbers": False, "convert_booleans": False},
            {"n": "5", "x": "1.50", "t": "TRUE"},
        ),
    ],
)
def test_what_is_not_converted_stays_text_for_good(
    path: Path, tmp_path: Path, switches: dict[str, bool], values: dict[str, object]
) -> None:
    database(path, n="5", x="1.50", t="TRUE").close()
    recording = open_recording(path, **switches)  # type: ignore[arg-type]  # of one type each
    assert [entry.event.values for entry in recording.entries()] == [values]
    assert content(written(tmp_path / "again.db", "sqlite", recording)) == content(recording)


def test_sql_numbers_and_null_count_as_they_are(path: Path) -> None:
    schema = PLAIN.replace("value TEXT", "value")
    database(path, schema, n=5, x=0.1, none=None, text="1", __data_time=1526374800.123456).close()
    (entry,) = open_recording(path).entries()
    assert entry.event.values == {"n": 5, "x": 0.1, "none": None, "text": 1}
    assert entry.event.data_time == 1526374800_123456


def test_columns_are_found_in_any_order_and_case(path: Path) -> None:
    schema = """
    CREATE TABLE Attribute (VALUE TEXT, extra, Kind TEXT, event_id INTEGER, key TEXT);
    CREATE TABLE EVENT (topic TEXT, UUID TEXT, id INTEGER PRIMARY KEY);
    """
    with closing(database(path, schema)) as made:
        made.execute("UPDATE event SET uuid = '6f2f1e5a-3c57-5d0b-9c1e-3d1f6f3f0b11'")
        made.execute("INSERT INTO attribute VALUES ('[1,null]', 0, 'json', 7, 'a')")
    (entry,) = open_recording(path).entries()
    assert entry.event.values == {"a": [1, None]}
    assert entry.given_id == UUID("6f2f1e5a-3c57-5d0b-9c1e-3d1f6f3f0b11")


def test_events_come_by_id_however_their_attributes_lie(path: Path) -> None:
    with closing(database(path)) as made:
        for number in (9, 8):
            made.execute("INSERT INTO event VALUES (?, 'tcs.root.ra_dec')", (number,))
        rows = [(key, value, number) for key, value in HEADER.items() for number in (9, 8)]
        made.executemany("INSERT INTO attribute (key, value, event_id) VALUES (?, ?, ?)", rows)
    recording = open_recording(path)
    assert [entry.where for entry in recording.entries()] == [7, 8, 9]
    assert recording.place(8) == f"{path}, event 8"


@pytest.mark.parametrize("name", HEADER)
def test_a_missing_reserved_attribute_is_named(path: Path, name: str) -> None:
    with closing(database(path)) as made:
        made.execute("DELETE FROM attribute WHERE key = ?", (name,))
    assert f"{path}, event 7: field {name}: missing" in refused(path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("DELETE FROM attribute", "event 7: field attributes: missing"),
        ("DELETE FROM event", "event 7: field event_id: 7 is not the id of an event"),
        ("UPDATE attribute SET event_id = 6 WHERE key = 'a'", "event 6: field event_id: 6 is not"),
        ("UPDATE event SET topic = 'x.y.z'", "field topic: 'x.y.z' is not tcs.root.ra_dec"),
        ("UPDATE event SET topic = NULL", "field topic: None is not tcs.root.ra_dec"),
        ("INSERT INTO attribute VALUES (7, 'a', 'x')", "field a: 'x' is not the event's only"),
        ("UPDATE attribute SET value = x'00' WHERE key = 'a'", r"field a: b'\x00' is not text"),
        ("UPDATE attribute SET key = x'61' WHERE key = 'a'", "field key: b'a' is not text"),
        ("UPDATE attribute SET value = 'late' WHERE key = '__data_time'", "__data_time: 'late'"),
        ("UPDATE attribute SET value = 'no' WHERE key = '__data'", "'no' is not true or false"),
        ("ALTER TABLE attribute ADD kind; UPDATE attribute SET kind = 'x'", "'x' is not a kind"),
        ("ALTER TABLE event ADD uuid; UPDATE event SET uuid = 'x'", "'x' is not a UUID"),
        (
            "ALTER TABLE attribute ADD kind; UPDATE attribute SET kind = 'json' WHERE key = 'a'",
            "field (event): '{' is not JSON",
        ),
    ],
)
def test_a_bad_event_is_named_by_its_id(path: Path, change: str, said: str) -> None:
    with closing(database(path, a="{")) as made:
        made.executescript(change)
    assert said in refused(path)


@pytest.mark.parametrize(
    ("schema", "found"),
    [
        ("CREATE TABLE event (id INTEGER PRIMARY KEY, topic TEXT)", "event(id, topic)"),
        ("CREATE TABLE frames (id)", "frames(id)"),
        (PLAIN.replace("value TEXT", "val TEXT"), "attribute(event_id, key, val)"),
        ("CREATE TABLE t (a); DROP TABLE t", "no tables"),
    ],
)
def test_other_tables_are_said(path: Path, schema: str, found: str) -> None:
    with closing(sqlite3.connect(path)) as made:
        made.executescript(schema)
    for read in (lambda found: found.count(), lambda found: list(found.entries())):
        with pytest.raises(NotANightDatabase, match="wanted: event\\(id, topic\\)") as error:
            read(open_recording(path))
        assert found in str(error.value)


def test_another_file_is_no_database(path: Path) -> None:
    path.write_text("no database at all, but long enough to be one" * 20)
    with pytest.raises(NotANightDatabase, match="no SQLite inside"):
        open_recording(path, format="sqlite").count()


def test_a_truncated_database_says_how_far_it_can_be_read(path: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.db"
    with closing(database(whole)) as made:
        made.execute("BEGIN")
        for number in range(8, 3000):
            made.execute("INSERT INTO event VALUES (?, 'tcs.root.ra_dec')", (number,))
            attribute(made, number, HEADER.items())
        made.execute("COMMIT")
        made.execute("CREATE INDEX attribute_event_id ON attribute (event_id)")
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    read: list[Entry] = []
    with pytest.raises(DamagedRecording) as error:
        read.extend(open_recording(path).entries())
    assert error.value.readable == len(read)
    assert f"can't be read beyond its first {len(read)} events" in str(error.value)


def test_text_that_is_not_utf8_is_damage(path: Path) -> None:
    with closing(database(path)) as made:
        made.execute("INSERT INTO attribute VALUES (7, 'a', CAST(x'ff' AS TEXT))")
    with pytest.raises(DamagedRecording, match="UTF-8"):
        list(open_recording(path).entries())


def test_a_recording_is_never_written_to(path: Path) -> None:
    database(path).close()
    before = path.read_bytes()
    path.chmod(0o444)
    assert len(list(open_recording(path).entries())) == open_recording(path).count() == 1
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
