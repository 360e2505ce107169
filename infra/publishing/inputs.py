"""What stands in files and on standard input, recognised by its first byte."""

import gzip
import io
import select
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from infra.publishing.avro_input import container_items, framed_items
from infra.publishing.errors import InputUnreadable, RecordRefused
from infra.publishing.json_input import json_items
from infra.publishing.records import Item

STDIN = Path("-")
_STDIN_NAME = "(standard input)"
_LOOK_UP_S = 0.2


def from_files(files: Iterable[Path]) -> Iterator[Item]:
    """Yield the records of files, one file after the other; `-` is standard input."""
    for file in files:
        if file == STDIN:
            yield from from_stream(sys.stdin.buffer, _STDIN_NAME)
        else:
            try:
                stream = file.open("rb")
            except OSError as fault:
                raise InputUnreadable(str(file), fault.strerror or str(fault)) from fault
            with stream:
                yield from from_stream(stream, str(file))


def from_feed(ended: Callable[[], bool]) -> Iterator[Item]:
    """Yield the records of standard input as they come, until it or the wish to end has come.

    A line that is not whole when the wish comes is no record.
    """
    try:
        for item in from_stream(io.BufferedReader(_Feed(sys.stdin.fileno(), ended)), _STDIN_NAME):
            if ended():
                return
            yield item
    except RecordRefused:
        if not ended():
            raise


def from_stream(stream: Any, name: str) -> Iterator[Item]:
    """Yield the records of a buffered binary stream; raise `RecordRefused`, `InputUnreadable`."""
    try:
        yield from _recognised(stream, name)
    except (OSError, EOFError, zlib.error) as fault:
        reason = getattr(fault, "strerror", None) or str(fault)
        raise InputUnreadable(name, reason) from fault


def _recognised(stream: Any, name: str) -> Iterator[Item]:
    """One byte tells the forms apart: neither gzip, nor Avro, nor a frame begins as JSON does."""
    match stream.peek(1)[:1]:
        case b"\x1f":
            yield from _recognised(gzip.GzipFile(fileobj=stream), name)
        case b"O":
            yield from container_items(stream, name)
        case b"\0":
            yield from framed_items(stream, name)
        case _:
            yield from json_items(stream, name)


class _Feed(io.RawIOBase):
    """A descriptor that ends when the program is asked to: a plain read would go on waiting."""

    def __init__(self, descriptor: int, ended: Callable[[], bool]) -> None:
        self._source = io.FileIO(descriptor, closefd=False)
        self._ended = ended

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        while not self._ended():
            if select.select([self._source], [], [], _LOOK_UP_S)[0]:
                return self._source.readinto(buffer)
        return 0
