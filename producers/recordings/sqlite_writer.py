"""Writing the SQLite night database."""

import sqlite3
from collections.abc import Iterator
from typing import ClassVar

from producers import Entry, RecordingWriter, json_text
from producers.conversion import CONVERT_ALL, render, same
from producers.errors import ReservedName
from producers.recordings.sqlite import JSON, ORIGINAL, STRING, NightDatabase
from producers.tcs_members import (
    DATA,
    DATA_TIME,
    KEY,
    RESERVED,
    SOURCE,
    SYSTEM,
    WIRE_TIME,
    data_text,
    time_text,
)
from schemas.events.tcs import TcsEvent, Value

SCHEMA = """
CREATE TABLE event (id INTEGER PRIMARY KEY, topic TEXT NOT NULL, uuid BLOB);
CREATE TABLE attribute (
    event_id INTEGER NOT NULL REFERENCES event (id), key TEXT NOT NULL, value TEXT NOT NULL,
    kind TEXT
);
"""
_UNGUARDED = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
_INDEX = "CREATE INDEX attribute_event_id ON attribute (event_id)"
_BATCH = 20_000
_TAKEN = frozenset(RESERVED)

_Row = tuple[int, str, str, str | None]
"""Event, key, value, kind."""


class NightDatabaseWriter(RecordingWriter):
    """Writes a night database; ids count from 1."""

    format = NightDatabase.format
    faults: ClassVar = (OSError, sqlite3.Error)
    database: sqlite3.Connection | None = None

    def start(self) -> None:
        """Create the file and its tables."""
        self.database = sqlite3.connect(self.partial, isolation_level=None)
        # a file that is not finished is thrown away, so that it needs no journal
        self.database.executescript(f"{_UNGUARDED} {SCHEMA}")
        self.database.execute("BEGIN")
        self.number = 0
        self.events: list[tuple[int, str, bytes | None]] = []
        self.attributes: list[_Row] = []

    def write(self, entry: Entry) -> None:
        """Write an event and its attributes, when there are enough of them."""
        self.number += 1
        event, given_id = entry.event, entry.given_id
        rows = list(_rows(self.number, event))
        self.events.append((self.number, event.topic, None if given_id is None else given_id.bytes))
        self.attributes.extend(rows)
        if len(self.attributes) >= _BATCH:
            self._flush()

    def finish(self) -> None:
        """Write what is held back, and the index."""
        self._flush()
        database = self._open()
        database.execute(_INDEX)
        database.execute("COMMIT")
        self.abandon()

    def abandon(self) -> None:
        """Close."""
        if self.database is not None:
            self.database.close()

    def _flush(self) -> None:
        database = self._open()
        database.executemany("INSERT INTO event VALUES (?, ?, ?)", self.events)
        database.executemany("INSERT INTO attribute VALUES (?, ?, ?, ?)", self.attributes)
        self.events.clear()
        self.attributes.clear()

    def _open(self) -> sqlite3.Connection:
        if self.database is None:
            raise ValueError("the writer is used outside its `with` block")
        return self.database


def _rows(number: int, event: TcsEvent) -> Iterator[_Row]:
    original = dict(event.original_text)
    yield number, SYSTEM, event.system, None
    yield number, SOURCE, event.source, None
    yield number, KEY, event.key, None
    yield number, DATA_TIME, time_text(DATA_TIME, event.data_time, original), None
    yield number, WIRE_TIME, time_text(WIRE_TIME, event.wire_time, original), None
    yield number, DATA, data_text(event.more_data, original), None
    for name, value in event.values.items():
        if name in _TAKEN:
            raise ReservedName(event.topic, name, NightDatabase.format)
        text, kind = _text(name, value, original)
        yield number, name, text, kind
    for name, text in original.items():
        yield number, name, text, ORIGINAL


def _text(name: str, value: Value, original: dict[str, str]) -> tuple[str, str | None]:
    """Return the text of a value, and its kind unless the rule of conversion gives it back.

    The recorded spelling, where that says the same, is taken away.
    """
    if isinstance(value, str):
        return value, None if CONVERT_ALL(value)[0] is value else STRING
    if not isinstance(value, int | float):
        return json_text.write(value), JSON
    if name in original:
        found, exact = CONVERT_ALL(original[name])
        if same(found, value) and not exact:
            return original.pop(name), None
    return render(value), None
