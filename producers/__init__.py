"""What is reported: night recordings, events on TCS's wire, the simulated night.

A *recording* is a file of TCS events; its format is one file in `producers/recordings`, found by
its folder: a class derived from `Recording` and, where the format can be written too, one derived
from `RecordingWriter`. Files are opened by way of `producers.formats`. `producers.tcs_wire` has the
frames of ZeroMQ, and `producers.ocd` the names under which OCD knows what we say.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import ClassVar, NamedTuple, Self
from uuid import UUID

from producers.conversion import CONVERT_ALL, Conversion
from producers.errors import RecordingExists, RecordingNotWritten, Unencodable
from schemas.events.tcs import TcsEvent


class Entry(NamedTuple):
    """One event of a recording; `given_id` where the recording says which record it is.

    `where` is its line number or its number in the database: `Recording.place` says it in full.
    """

    event: TcsEvent
    given_id: UUID | None
    where: int


class Recording(ABC):
    """A file of TCS events, read in its own order as a stream, any number of times."""

    format: ClassVar[str]
    about: ClassVar[str]

    def __init__(self, path: Path, conversion: Conversion = CONVERT_ALL) -> None:
        self.path, self.conversion = path, conversion

    @classmethod
    @abstractmethod
    def recognises(cls, path: Path) -> bool:
        """Return whether the file's beginning looks like this format."""

    @abstractmethod
    def count(self) -> int | None:
        """Return how many events there are, or None where counting costs as much as reading."""

    @abstractmethod
    def entries(self, start: int = 0) -> Iterator[Entry]:
        """Yield the entries in the file's order, without the first `start`.

        Raises `BadEntry` at an event that can't be read, `DamagedRecording` where the file breaks.
        """

    @abstractmethod
    def place(self, where: int) -> str:
        """Return the place of an entry as messages name it, such as `night.jsonl:17`."""


class RecordingWriter(ABC):
    """Writes a recording; the file is there when the `with` block has ended well, or not at all.

    Until then it is `PATH.partial`. Raises `RecordingExists`, unless it may overwrite, and
    `RecordingNotWritten`, for instance if the disk is full.
    """

    format: ClassVar[str]
    faults: ClassVar[tuple[type[Exception], ...]] = (OSError,)

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        if path.exists() and not overwrite:
            raise RecordingExists(path)
        self.path = path
        self.partial = path.with_name(path.name + ".partial")

    @abstractmethod
    def start(self) -> None:
        """Create the partial file."""

    @abstractmethod
    def write(self, entry: Entry) -> None:
        """Write an entry."""

    @abstractmethod
    def finish(self) -> None:
        """Write what is still held back, and close the partial file."""

    @abstractmethod
    def abandon(self) -> None:
        """Close the partial file as it is; may be called at any time, and raises nothing."""

    def add(self, entry: Entry) -> None:
        """Append an entry; raise `ReservedName`, `Unencodable` or `RecordingNotWritten`.

        Since entries are held back and written in batches, the error may be an earlier one's.
        """
        with self._named_faults():
            self.write(entry)

    def __enter__(self) -> Self:
        try:
            with self._named_faults():
                self.partial.unlink(missing_ok=True)
                self.start()
        except BaseException:
            self._clear_away()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        try:
            with self._named_faults():
                if kind is None:
                    self.finish()
                    _sync(self.partial)
                    self.partial.replace(self.path)
                    _sync(self.path.parent)
        finally:
            self._clear_away()

    def _clear_away(self) -> None:
        self.abandon()
        self.partial.unlink(missing_ok=True)

    @contextmanager
    def _named_faults(self) -> Iterator[None]:
        try:
            yield
        except UnicodeEncodeError as fault:
            raise Unencodable(fault.object) from fault
        except self.faults as fault:
            raise RecordingNotWritten(self.path, fault) from fault


def _sync(path: Path) -> None:
    """Have a file's bytes, or a directory's names, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
