"""The SQLite night database: events, and their attributes as text."""

import math
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote
from uuid import UUID

import orjson

from producers import Entry, Recording, json_text
from producers.errors import (
    MISSING,
    BadEntry,
    DamagedRecording,
    NotANightDatabase,
    Unfit,
)
from producers.tcs_members import RESERVED, RESERVED_TEXT, take_reserved
from schemas.events.tcs import TcsEvent, Value

STRING, JSON, ORIGINAL = "string", "json", "original"
"""The kinds of a value that the rule of conversion would not give back; see the reference page."""

_WANTED = {"event": ("id", "topic"), "attribute": ("event_id", "key", "value")}
_WANTED_TEXT = "event(id, topic) and attribute(event_id, key, value)"
_ID = "SELECT id FROM event ORDER BY id LIMIT 1 OFFSET ?"
_NO_ID = (math.inf,)
_EVENTS = "SELECT id, topic, {uuid} FROM event {since} ORDER BY id"
_ATTRIBUTES = """
    SELECT event_id, count(*), json_group_object(key, value)
        FILTER (WHERE {kind} IS NULL AND typeof(key) = 'text' AND typeof(value) = 'text')
    FROM attribute {since} GROUP BY event_id ORDER BY event_id
"""
_ONE_BY_ONE = "SELECT key, value, {kind} FROM attribute WHERE event_id = ?"
_MAGIC = b"SQLite format 3\x00"


class NightDatabase(Recording):
    """A database with the tables `event` and `attribute`, read in the order of the events' ids."""

    format = "sqlite"
    about = "SQLite night database: events, and their attributes as text"

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Return whether the file begins as SQLite's do."""
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC

    def place(self, where: int) -> str:
        """Return the file and the event's id."""
        return f"{self.path}, event {where}"

    def count(self) -> int:
        """Return how many events the database has."""
        try:
            with closing(self._connect()) as database:
                return int(database.execute("SELECT count(*) FROM event").fetchone()[0])
        except sqlite3.DatabaseError as fault:
            raise DamagedRecording(self.path, 0, fault) from fault

    def entries(self, start: int = 0) -> Iterator[Entry]:
        """Yield the entries by rising id, in one pass over both tables."""
        read, number = start, 0
        try:
            with closing(self._connect()) as database:
                rows = self._select(database, start)
                for (number, topic, uuid), (owner, count, plain) in rows:
                    if number != owner or type(number) is not int:
                        raise self._unpaired(number, owner)
                    event = self._event(database, number, count, plain)
                    _compare(topic, event)
                    yield Entry(event, None if uuid is None else _uuid(uuid), number)
                    read += 1
        except Unfit as unfit:
            place = self.place(number)
            raise BadEntry(place, unfit.field, unfit.value, unfit.expected) from unfit
        except sqlite3.DatabaseError as fault:
            raise DamagedRecording(self.path, read, fault) from fault

    def _connect(self) -> sqlite3.Connection:
        """Open the database for reading only; raise `NotANightDatabase` if it is another one."""
        database = sqlite3.connect(f"file:{quote(str(self.path))}?mode=ro", uri=True)
        try:
            columns = _columns(database)
        except sqlite3.DatabaseError as fault:
            database.close()
            if self.recognises(self.path):
                raise
            raise NotANightDatabase(
                self.path, f"no SQLite inside ({fault})", _WANTED_TEXT
            ) from None
        if all(set(names).issubset(columns.get(table, ())) for table, names in _WANTED.items()):
            self._uuid = "uuid" if "uuid" in columns["event"] else "NULL"
            self._kind = "kind" if "kind" in columns["attribute"] else "NULL"
            return database
        database.close()
        raise NotANightDatabase(self.path, _said(columns) or "no tables", _WANTED_TEXT)

    def _select(self, database: sqlite3.Connection, start: int) -> Iterator[tuple[Any, Any]]:
        """Read both tables side by side from an event on.

        SQLite gathers an event's plain attributes (text, of no kind) into a JSON object, which
        takes half the time that rows do; the count of all shows whether there are others.
        """
        since, first = "", cast("tuple[float, ...]", ())
        if start:
            since, first = "WHERE {} >= ?", database.execute(_ID, (start,)).fetchone() or _NO_ID
        events = _EVENTS.format(uuid=self._uuid, since=since.format("id"))
        attributes = _ATTRIBUTES.format(kind=self._kind, since=since.format("event_id"))
        rows = database.execute(events, first), database.execute(attributes, first)
        return zip_longest(*rows, fillvalue=(None, None, None))

    def _unpaired(self, number: Any, owner: Any) -> BadEntry:
        """Return what is wrong where an event and the next attributes are not of one id."""
        if number is None or (isinstance(owner, int) and owner < number):
            return BadEntry(self.place(owner), "event_id", owner, "the id of an event")
        if type(number) is not int:
            return BadEntry(self.place(number), "id", number, "a whole number")
        return BadEntry(self.place(number), "attributes", MISSING, RESERVED_TEXT)

    def _event(self, database: sqlite3.Connection, number: int, count: int, plain: str) -> TcsEvent:
        members: dict[str, Any] = orjson.loads(plain)
        original: dict[str, str] = {}
        others: dict[str, Value] = {}
        if len(members) != count:
            members = self._one_by_one(database, number, others, original)
        event = take_reserved(members, members, original)
        convert = self.conversion
        for name, text in members.items():
            value, exact = convert(text)
            if value is not text:
                members[name] = value  # no name is added: the loop may go on
            if not exact:
                original[name] = text
        members.update(others)
        return event

    def _one_by_one(
        self,
        database: sqlite3.Connection,
        number: int,
        values: dict[str, Value],
        original: dict[str, str],
    ) -> dict[str, Any]:
        """Return an event's plain attributes, and put the others into values and original."""
        plain: dict[str, Any] = {}
        rows = database.execute(_ONE_BY_ONE.format(kind=self._kind), (number,))
        for name, value, kind in rows:
            if type(name) is not str:
                raise Unfit("key", name, "text")
            if name in original if kind == ORIGINAL else (name in plain or name in values):
                raise Unfit(name, value, "the event's only attribute of this name")
            if kind == ORIGINAL:
                original[name] = _text(name, value)
            elif name in RESERVED or (kind is None and type(value) is str):
                plain[name] = value
            else:
                values[name] = _value(name, value, kind)
        return plain


def _compare(topic: Any, event: TcsEvent) -> None:
    if topic != f"{event.system}.{event.source}.{event.key}":
        raise Unfit("topic", topic, f"{event.topic}, as its attributes say")


def _value(name: str, value: Any, kind: str | None) -> Value:
    """Return a value that is not plain text; SQL's own NULL and numbers count as they are."""
    if kind == STRING:
        return _text(name, value)
    if kind == JSON:
        return json_text.read(_text(name, value), partial(_from_json, name))
    if kind is not None:
        raise Unfit(name, kind, f"a kind ({STRING}, {JSON} or {ORIGINAL})")
    if isinstance(value, bytes):
        raise Unfit(name, value, "text")
    return cast("Value", value)


def _from_json(name: str, value: Any, exact: bool) -> Value:
    json_text.check({name: value}, exact)
    return cast("Value", value)


def _text(name: str, value: Any) -> str:
    if type(value) is not str:
        raise Unfit(name, value, "text")
    return value


def _uuid(found: Any) -> UUID:
    try:
        return UUID(bytes=found) if isinstance(found, bytes) else UUID(found)
    except (ValueError, AttributeError, TypeError):
        raise Unfit("uuid", found, "a UUID, as 16 bytes or as text") from None


def _columns(database: sqlite3.Connection) -> dict[str, list[str]]:
    """Return the columns of each table, all in lower case since SQL looks at no case."""
    rows = database.execute(
        "SELECT lower(t.name), lower(c.name) FROM sqlite_master t, pragma_table_info(t.name) c "
        "WHERE t.type IN ('table', 'view') ORDER BY t.name, c.cid"
    )
    columns: dict[str, list[str]] = {}
    for table, column in rows:
        columns.setdefault(table, []).append(column)
    return columns


def _said(tables: Mapping[str, Iterable[str]]) -> str:
    return ", ".join(f"{table}({', '.join(columns)})" for table, columns in tables.items())
