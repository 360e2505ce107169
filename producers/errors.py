"""What can be wrong with a recording."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from schemas.errors import EvctlError

MISSING: Final = object()
"""The value of a field that is not there."""


class Unfit(ValueError):
    """A field of the event being read is not what it has to be; the reader adds where it stands."""

    def __init__(self, field: str, value: object, expected: str) -> None:
        super().__init__(field, value, expected)
        self.field, self.value, self.expected = field, value, expected


class NoRecording(EvctlError):
    """There is no such file, or none that may be read."""

    exit_code = 66

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} {reason}: name the file of a recording.")
        self.path = path


class EmptyFile(EvctlError):
    """The file has no bytes."""

    exit_code = 65

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is empty: a recording that was cut off, or never begun.")
        self.path = path


class NotRecognised(EvctlError):
    """The file's content is of no known format."""

    exit_code = 65

    def __init__(self, path: Path, known: Iterable[str]) -> None:
        super().__init__(
            f"{path} does not look like a recording (known: {', '.join(sorted(known))}): "
            "if it is one, name its format."
        )
        self.path = path


class UnknownFormat(EvctlError):
    """No recording format has this name."""

    exit_code = 2

    def __init__(self, name: str, known: Iterable[str], what: str) -> None:
        super().__init__(f"There is no format {name!r} to {what}; known: {', '.join(known)}.")
        self.name = name


class NotANightDatabase(EvctlError):
    """The file is no SQLite database, or one with other tables."""

    exit_code = 65

    def __init__(self, path: Path, found: str, wanted: str) -> None:
        super().__init__(f"{path} is not a night database: it has {found}; wanted: {wanted}.")
        self.path, self.found, self.wanted = path, found, wanted


class BadEntry(EvctlError):
    """An event of the recording can't be read."""

    exit_code = 65

    def __init__(self, place: str, field: str, value: object, expected: str) -> None:
        shown = repr(value)
        shown = shown if len(shown) <= 80 else f"{shown[:77]}…"
        fault = f"{shown} is not {expected}" if value is not MISSING else f"missing: {expected}"
        super().__init__(f"{place}: field {field or '(event)'}: {fault}.")
        self.place, self.field, self.value, self.expected = place, field, value, expected


class DamagedRecording(EvctlError):
    """The file breaks in the middle: truncated, or its bytes are corrupt."""

    exit_code = 65

    def __init__(self, path: Path, readable: int, fault: Exception) -> None:
        super().__init__(
            f"{path} can't be read beyond its first {readable} events: {fault}. A copy that was "
            "cut off or altered has to be fetched again."
        )
        self.path, self.readable = path, readable


class RecordingExists(EvctlError):
    """The file to be written is already there."""

    exit_code = 73

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} already exists: name another file, or remove it first "
            "(`evctl export --force` replaces it)."
        )
        self.path = path


class RecordingNotWritten(EvctlError):
    """The recording can't be written; nothing of it is left behind."""

    exit_code = 74

    def __init__(self, path: Path, fault: Exception) -> None:
        super().__init__(f"{path} was not written: {fault}.")
        self.path = path


class ReservedName(EvctlError):
    """An event has a value by a name that recordings use for something else."""

    exit_code = 65

    def __init__(self, topic: str, name: str, format_: str) -> None:
        super().__init__(
            f"An event {topic} has a value named {name!r}, which a {format_} recording uses for "
            "something else: write another format, or leave that event out."
        )
        self.topic, self.name = topic, name


class Unencodable(EvctlError):
    """A text has no UTF-8 form: it holds half of a surrogate pair."""

    exit_code = 65

    def __init__(self, text: str) -> None:
        shown = ascii(text) if len(text) <= 80 else f"{text[:77]!a}…"
        super().__init__(
            f"The text {shown} holds half of a surrogate pair, which has no UTF-8 form: mend it at "
            "its source."
        )
        self.text = text
