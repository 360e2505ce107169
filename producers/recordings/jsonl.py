"""JSON Lines: one TCS event a line, as on TCS's wire."""

import gzip
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast
from uuid import UUID

from producers import Entry, RecordingWriter, json_text
from producers.errors import ReservedName, Unfit
from producers.lines import LineRecording, first_line
from producers.tcs_members import RESERVED, members_of, take_reserved
from schemas.events.tcs import TcsEvent

ID, ORIGINAL_TEXT = "__id", "__original_text"
_TAKEN = frozenset((*RESERVED, ID, ORIGINAL_TEXT))


class JsonLines(LineRecording):
    """A JSON object a line: the six reserved names, and the values flat beside them."""

    format = "jsonl"
    about = "JSON Lines: a TCS event a line, as on TCS's wire"

    @classmethod
    def recognises(cls, path: Path) -> bool:
        """Return whether the first line begins as an object with a reserved name."""
        line = first_line(path).lstrip()
        return line.startswith(b"{") and b'"__' in line

    def read_line(self, line: bytes, number: int) -> Entry:
        """Return the event of a line."""
        event, given_id = json_text.read(line, _event)
        return Entry(event, given_id, number)


def _event(members: Any, exact: bool) -> tuple[TcsEvent, UUID | None]:
    if type(members) is not dict:
        raise Unfit("", members, "a JSON object")
    original = _original(members.pop(ORIGINAL_TEXT, None))
    given = members.pop(ID, None)
    event = take_reserved(members, members, original)
    json_text.check(members, exact)
    return event, None if given is None else _uuid(given)


def _original(found: Any) -> dict[str, str]:
    if found is None:
        return {}
    if type(found) is not dict or not all(type(text) is str for text in found.values()):
        raise Unfit(ORIGINAL_TEXT, found, "an object of texts")
    return found


def _uuid(found: Any) -> UUID:
    try:
        return UUID(found)
    except (ValueError, AttributeError, TypeError):
        raise Unfit(ID, found, "a UUID") from None


class JsonLinesWriter(RecordingWriter):
    """Writes JSON Lines, compressed if the name ends in `.gz`."""

    format = "jsonl"
    raw: BinaryIO | None = None
    file: BinaryIO | None = None

    def start(self) -> None:
        """Create the file."""
        self.raw = self.partial.open("wb")
        self.file = self.raw
        if self.path.suffix == ".gz":  # no name and time inside: equal events make equal bytes
            packed = gzip.GzipFile(filename="", mode="wb", fileobj=self.raw, mtime=0)
            self.file = cast("BinaryIO", packed)

    def write(self, entry: Entry) -> None:
        """Write a line."""
        if self.file is None:
            raise ValueError("the writer is used outside its `with` block")
        self.file.write(json_text.write_object(_members(entry)) + b"\n")

    def finish(self) -> None:
        """Write what is held back, and close."""
        for file in (self.file, self.raw):
            if file is not None:
                file.close()

    def abandon(self) -> None:
        """Close; what can't be written is thrown away anyhow."""
        for file in (self.file, self.raw):
            with suppress(OSError):
                if file is not None:
                    file.close()


def _members(entry: Entry) -> dict[str, Any]:
    event = entry.event
    if not _TAKEN.isdisjoint(event.values):
        name = next(name for name in event.values if name in _TAKEN)
        raise ReservedName(event.topic, name, JsonLines.format)
    original = dict(event.original_text)
    members = members_of(event, original)
    if original:
        members[ORIGINAL_TEXT] = original
    if entry.given_id is not None:
        members[ID] = str(entry.given_id)
    return members
