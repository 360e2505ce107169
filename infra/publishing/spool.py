"""Encoded records that wait, in little memory, until the last one is known to be good."""

import struct
from collections.abc import Iterable, Iterator
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Self

from infra.publishing.records import Encoded

_HEAD = struct.Struct("<iqiI")
_NO_KEY = -1
_IN_MEMORY = 32 * 1024 * 1024


class Spool:
    """A first-in first-out file of records, in memory while it is small (32 MiB)."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 closed by __exit__
        self.records = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None
    ) -> None:
        self._file.close()

    def fill(self, records: Iterable[Encoded]) -> None:
        """Append records."""
        write, pack = self._file.write, _HEAD.pack
        for kind, key, timestamp, data in records:
            name = b"" if key is None else key.encode()
            length = _NO_KEY if key is None else len(name)
            write(pack(kind, timestamp, length, len(data)) + name + data)
            self.records += 1

    def __iter__(self) -> Iterator[Encoded]:
        """Yield the records in the order they came."""
        self._file.seek(0)
        read, unpack, size = self._file.read, _HEAD.unpack, _HEAD.size
        for _ in range(self.records):
            kind, timestamp, length, data_length = unpack(read(size))
            key = None if length == _NO_KEY else read(length).decode()
            yield Encoded(kind, key, timestamp, read(data_length))
