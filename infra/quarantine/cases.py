"""What is known of every record and reader, in a temporary file: more than memory should hold.

A device that speaks another language can put millions of records in quarantine in a night.
"""

import sqlite3
import weakref
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from infra.log.reading import Place, Span
from infra.quarantine.entries import Case, Entry, Status
from infra.quarantine.errors import CasesNotKept
from schemas.record import Position
from schemas.topics import bare_name

_CACHE_KIB = 4 << 10
"""So much is in memory."""

_PAGE = 1000
"""So many entries are read at a time; others may be written in between."""

_TABLE = """
CREATE TABLE fate (
    reader, topic, partition, "offset", status, reason, record_id, digest, changed, steps,
    quarantined, "at", who, why, PRIMARY KEY (reader, topic, partition, "offset")
) WITHOUT ROWID
"""
_PUT = "INSERT OR REPLACE INTO fate VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ONE = 'SELECT * FROM fate WHERE reader = ? AND topic = ? AND partition = ? AND "offset" = ?'
_NEXT = """
SELECT * FROM fate WHERE (reader, topic, partition, "offset") > (?, ?, ?, ?)
ORDER BY reader, topic, partition, "offset" LIMIT ?
"""
_WITHIN = """
SELECT "offset", digest, status FROM fate
WHERE reader = ? AND topic = ? AND partition = ? AND "offset" >= ? AND "offset" < ?
"""
_CHANGED = """
SELECT 1 FROM fate
WHERE reader = ? AND topic = ? AND partition = ? AND "offset" < ? AND changed > ? LIMIT 1
"""
_EVER = -1
"""Before every instant at which anything was written."""


class Cases(Mapping[Case, Entry]):
    """The newest entry of each case, in the cases' order. All may raise `CasesNotKept`."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._database.close)
        for setting in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}"):
            self._ask(f"PRAGMA {setting}")
        self._ask(_TABLE)
        self._ask("BEGIN")
        self.readers = set[str]()
        """All who passed a record over."""

    def _ask(self, query: str, values: Iterable[Any] = ()) -> list[Any]:
        try:
            return self._database.execute(query, tuple(values)).fetchall()
        except sqlite3.OperationalError as fault:
            raise CasesNotKept(str(fault)) from fault

    def put(self, entry: Entry) -> None:
        """Keep an entry, in the place of the one before of its case."""
        self._ask(_PUT, _row(entry))
        self.readers.add(entry.case.reader)

    def __getitem__(self, case: Case) -> Entry:
        for row in self._ask(_ONE, case):
            return _entry(row)
        raise KeyError(case)

    def __len__(self) -> int:
        count: int = self._ask("SELECT count(*) FROM fate")[0][0]
        return count

    def __iter__(self) -> Iterator[Case]:
        return (entry.case for entry in self.of())

    def of(self, reader: str | None = None) -> Iterator[Entry]:
        """Yield the entries of a reader, or of all."""
        last: tuple[Any, ...] = (reader or "", "", -1, -1)
        while rows := self._ask(_NEXT, (*last, _PAGE)):
            for row in rows:
                if reader not in {None, row[0]}:
                    return
                yield _entry(row)
            last = rows[-1][:4]

    def within(
        self, reader: str, statuses: Collection[Status], spans: Mapping[Place, Span]
    ) -> dict[Position, str]:
        """Return the digests of a reader's records that have these statuses, in spans of places."""
        return {
            Position(*place, offset): digest
            for place, span in spans.items()
            for offset, digest, status in self._ask(_WITHIN, (*_of(reader, place), *span))
            if status in statuses
        }

    def changed(self, reader: str, ends: Mapping[Place, int], since: int = _EVER) -> bool:
        """Whether anything was said after `since` (µs UTC) of a reader's records before `ends`."""
        return any(
            self._ask(_CHANGED, (*_of(reader, place), end, since)) for place, end in ends.items()
        )


def _of(reader: str, place: Place) -> tuple[str, str, int]:
    return reader, bare_name(place[0]), place[1]


def _row(entry: Entry) -> tuple[Any, ...]:
    said = entry.status.value, entry.reason, entry.record_id, entry.digest
    when = entry.changed, entry.steps, entry.quarantined, entry.at
    return (*entry.case, *said, *when, entry.who, entry.why)


def _entry(row: tuple[Any, ...]) -> Entry:
    return Entry(Case(*row[:4]), Status(row[4]), *row[5:])
