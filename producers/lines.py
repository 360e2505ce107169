"""Recordings that hold one event a line, compressed with gzip or not."""

import gzip
import zlib
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from producers import Entry, Recording
from producers.errors import BadEntry, DamagedRecording, Unfit

_GZIP = b"\x1f\x8b"
_BROKEN = (EOFError, gzip.BadGzipFile, zlib.error)
_BLOCK = 1 << 20


class LineRecording(Recording):
    """A recording of one event a line; lines of blanks only are passed over."""

    @abstractmethod
    def read_line(self, line: bytes, number: int) -> Entry:
        """Return the entry of a line; raise `Unfit`."""

    def count(self) -> int | None:
        """Return how many lines there are; None if they are compressed."""
        if _compressed(self.path):
            return None
        lines, last = 0, b"\n"
        with self.path.open("rb") as file:
            while block := file.read(_BLOCK):
                lines += block.count(b"\n")
                last = block[-1:]
        return lines + (last != b"\n")

    def entries(self, start: int = 0) -> Iterator[Entry]:
        """Yield the entries; those before `start` are not looked at."""
        number = read = 0
        try:
            with open_bytes(self.path) as file:
                for number, line in enumerate(file, 1):
                    if line.isspace():
                        continue
                    read += 1
                    if read > start:
                        yield self.read_line(line, number)
        except Unfit as unfit:
            place = self.place(number)
            raise BadEntry(place, unfit.field, unfit.value, unfit.expected) from unfit
        except _BROKEN as fault:
            raise DamagedRecording(self.path, read, fault) from fault

    def place(self, where: int) -> str:
        """Return `file:line`."""
        return f"{self.path}:{where}"


def open_bytes(path: Path) -> BinaryIO:
    """Open a file for reading, by way of gzip if it is compressed."""
    return cast("BinaryIO", gzip.open(path)) if _compressed(path) else path.open("rb")


def first_line(path: Path) -> bytes:
    """Return the first line (at most 1 MiB of it), or nothing if it can't be read."""
    try:
        with open_bytes(path) as file:
            return file.readline(_BLOCK)
    except _BROKEN:
        return b""


def _compressed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == _GZIP
