"""Avro object container files whose data are written and read as bytes, without decoding them.

In a block the data stand one after the other, just as they stand behind the framing on the log. So
a datum is copied, and any Avro tool reads the file. deflate is the one codec, besides none, that
every implementation of Avro has to know.
"""

import json
import zlib
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import fastavro
from fastavro.schema import SchemaParseException
from fastavro.write import Writer

from infra.archive.errors import DamagedArchive
from schemas.avro import Schema

_CODEC = "deflate"
_BLOCK = 64 << 10
"""Bytes in a block before it is compressed, but for a datum that is larger by itself."""

_FAULTS = (
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    SchemaParseException,
)
"""What fastavro raises for a file that is none, or is cut off."""


class _Block(NamedTuple):
    """What fastavro's writer takes as a block."""

    num_records: int
    bytes_: BytesIO


class _File:
    """A container file to be written; the same data give the same bytes."""

    def __init__(self, path: Path, schema: Schema) -> None:
        self._file = path.open("wb")
        marker = blake2b(path.name.encode(), digest_size=16).digest()
        self._writer = Writer(
            self._file, schema, codec=_CODEC, sync_interval=_BLOCK, sync_marker=marker
        )
        self.records = 0

    def close(self) -> None:
        """Write what is left."""
        with self._file:
            self._writer.flush()

    def abandon(self) -> None:
        """Close the file as it is."""
        self._file.close()


class RowsFile(_File):
    """A file of rows."""

    def add(self, row: dict[str, Any]) -> None:
        """Append a row."""
        self._writer.write(row)
        self.records += 1


class DataFile(_File):
    """A file of data that are encoded already."""

    def __init__(self, path: Path, schema: Schema) -> None:
        super().__init__(path, schema)
        self._waiting, self._count = BytesIO(), 0

    def add(self, datum: bytes) -> None:
        """Append a datum."""
        self._waiting.write(datum)
        self._count += 1
        self.records += 1
        if self._waiting.tell() >= _BLOCK:
            self._dump()

    def _dump(self) -> None:
        self._writer.write_block(_Block(self._count, self._waiting))
        self._waiting, self._count = BytesIO(), 0

    def close(self) -> None:
        """Write what is left."""
        if self._count:
            self._dump()
        super().close()


def rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a file; raise `DamagedArchive`."""
    try:
        with path.open("rb") as file:
            yield from fastavro.reader(file)  # type: ignore[misc]  # of records
    except _FAULTS as fault:
        raise _damaged(path, fault) from fault


class Data:
    """The data of a file, taken one after the other; a block of it is in memory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = path.open("rb")
        except OSError as fault:
            raise _damaged(path, fault) from fault
        try:
            self._blocks = fastavro.block_reader(self._file)
            self.schema: Schema = json.loads(self._blocks.metadata["avro.schema"])
        except _FAULTS as fault:
            self.close()
            raise _damaged(path, fault) from fault
        self._block, self._at, self.records = b"", 0, 0

    def take(self, size: int) -> bytes:
        """Return the next datum, of so many bytes; raise `DamagedArchive` if there are fewer."""
        while self._at == len(self._block) and size:
            if not self._next():
                raise DamagedArchive(self._path, "ends before its last event")
        end = self._at + size
        if end > len(self._block):
            raise DamagedArchive(self._path, "has an event that its block does not hold")
        datum = self._block[self._at : end]
        self._at = end
        return datum

    def finish(self) -> None:
        """Raise `DamagedArchive` if data are left over."""
        while self._at == len(self._block):
            if not self._next():
                self.close()
                return
        raise DamagedArchive(self._path, "has events that are no record's")

    def close(self) -> None:
        """Leave the file."""
        self._file.close()

    def _next(self) -> bool:
        try:
            block: Any = next(self._blocks, None)
        except _FAULTS as fault:
            raise _damaged(self._path, fault) from fault
        if block is None:
            return False
        self._block, self._at = block.bytes_.getvalue(), 0
        self.records += block.num_records
        return True


def _damaged(path: Path, fault: Exception) -> DamagedArchive:
    return DamagedArchive(path, f"can't be read ({type(fault).__name__}: {fault})")
