"""Standard output as something that can fail: a disk that is full, or a stream that is closed."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from schemas.errors import EvctlError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class OutputLost(EvctlError):
    """What a command prints does not arrive."""

    exit_code = 74

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"Standard output takes nothing more: {reason}. What is there of it is incomplete."
        )
        self.reason = reason


class _Buffer(io.BufferedWriter):
    """A stream's buffer, where nobody else's errors are mistaken for its own.

    The layer below would be too low: what a signal ends in Python there, is written twice.
    """

    def write(self, data: "ReadableBuffer", /) -> int:
        with _told():
            return super().write(data)

    def flush(self) -> None:
        with _told():
            super().flush()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:  # the reader has had enough, which is no fault
        raise
    except OSError as error:
        raise OutputLost(error.strerror or str(error)) from error


def provide() -> None:
    """Let printing raise `OutputLost`, also where the parent process closed standard output.

    A stream that is closed has its number taken, so that no file or socket gets it.
    """
    out = sys.stdout
    if out is None:
        sys.stdout = _stream(os.open(os.devnull, os.O_RDONLY), "utf-8", "strict", lines=False)
    elif out is sys.__stdout__ and isinstance(out, io.TextIOWrapper):
        out.flush()
        lines = out.line_buffering or out.write_through
        sys.stdout = _stream(out.fileno(), out.encoding, out.errors, lines=lines)
    if sys.stderr is None:
        sys.stderr = _stream(os.open(os.devnull, os.O_WRONLY), "utf-8", "replace", lines=True)


def _stream(number: int, encoding: str, errors: str | None, *, lines: bool) -> TextIO:
    buffer = _Buffer(io.FileIO(number, "w", closefd=False))
    return io.TextIOWrapper(buffer, encoding, errors, line_buffering=lines)


def give_up() -> None:
    """Drop what is left, so that the interpreter's end does not fail as well."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
