"""What a log has of an archive's night already, looked up without holding it in memory."""

import sqlite3
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b

from infra.archive.errors import NoRoomToCompare
from infra.log.reading import Message
from infra.quarantine.entries import digest_of
from infra.sealing.stretches import position_of
from schemas.record import BadHeaders, Provenance, from_headers

_BYTES = 16
_CACHE_KIB = 64 << 10
"""So much is in memory."""


class Identities:
    """Tells what messages are known by, in the order of each partition.

    That is a record's id; where the headers give none, all of its content, and how many of the
    same there were before.
    """

    def __init__(self) -> None:
        self._bad: Counter[tuple[int, str]] = Counter()

    def of(self, message: Message) -> tuple[bytes, Provenance | None]:
        """Return what a message is known by, and who said it if the headers tell."""
        try:
            provenance = from_headers(message.headers(), position_of(message))
        except BadHeaders:
            content = message.partition(), digest_of(message)
            self._bad[content] += 1
            said = f"{content} {self._bad[content]}"
            return blake2b(said.encode(), digest_size=_BYTES).digest(), None
        return provenance.id_bytes, provenance


def value_digest(message: Message) -> bytes:
    """Return a digest of a message's value."""
    value = message.value()
    said = b"none" if value is None else b":" + value
    return blake2b(said, digest_size=_BYTES).digest()


class Presence:
    """Records by what they are known by, in a temporary file that nobody else sees.

    A record is *met* when one of the archive is the same. Of those that are not, the content may
    be learnt: another origin's event is known by it alone. Each method raises `NoRoomToCompare`
    where the disk is full.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._ask(
            "CREATE TABLE record (id BLOB PRIMARY KEY, value BLOB, place TEXT, content BLOB, "
            "met INTEGER DEFAULT 0) WITHOUT ROWID"
        )
        for setting in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}"):
            self._ask(f"PRAGMA {setting}")
        self._ask("CREATE INDEX by_content ON record (content) WHERE met = 0")
        self._ask("BEGIN")
        self.records = self.met = self.learnt = 0

    def add(self, identity: bytes, value: bytes, place: str) -> None:
        """Take a record of the log; one that was written twice counts once."""
        done = self._ask(
            "INSERT OR IGNORE INTO record (id, value, place) VALUES (?, ?, ?)",
            (identity, value, place),
        )
        self.records += done.rowcount

    def find(self, identity: bytes) -> tuple[bytes, str] | None:
        """Return value digest and place of the record that has an id, none if none has."""
        found: tuple[bytes, str] | None = self._ask(
            "SELECT value, place FROM record WHERE id = ?", (identity,)
        ).fetchone()
        return found

    def meet(self, identity: bytes) -> None:
        """Note that the archive has a record."""
        done = self._ask("UPDATE record SET met = 1 WHERE id = ? AND met = 0", (identity,))
        self.met += done.rowcount

    def learn(self, identity: bytes, content: bytes) -> None:
        """Note the content of a record, unless the archive has the very same."""
        self.learnt += self._ask(
            "UPDATE record SET content = ? WHERE id = ? AND met = 0", (content, identity)
        ).rowcount

    def takes(self, content: bytes) -> bool:
        """Whether the log has an equal event that no other of the archive has stood for."""
        done = self._ask(
            "UPDATE record SET met = 1 WHERE id = (SELECT id FROM record WHERE content = ? "
            "AND met = 0 LIMIT 1)",
            (content,),
        )
        return done.rowcount > 0

    def _ask(self, statement: str, values: Sequence[bytes | str] = ()) -> sqlite3.Cursor:
        try:
            return self._database.execute(statement, values)
        except sqlite3.OperationalError as fault:
            raise NoRoomToCompare(fault) from fault

    def close(self) -> None:
        """Remove the file."""
        self._database.close()
