"""Where evctl's own messages go: stderr, or a file for each service. Never stdout."""

import fcntl
import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import WatchedFileHandler
from pathlib import Path

from infra.settings.model import Logging
from schemas.errors import EvctlError

TEXT = "%(asctime)s %(levelname)s %(service)s %(name)s: %(message)s"
_NAME = "evctl"


class LogFileRefused(EvctlError):
    """The file for evctl's messages can't be opened."""

    exit_code = 73  # EX_CANTCREAT of sysexits.h

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(
            f"Messages can't be written to {path}: {reason}. Mend that, or give another --log-file."
        )


def configure(settings: Logging, service: str, log_file: Path | None = None) -> Path | None:
    """Send this process's messages where the settings say; return the file, if it is one.

    `log_file` (of the command line) wins over `logging.file`, that over `logging.directory`, in
    which each service has a file of its own. Called again, it replaces what it set before.
    """
    path = log_file or settings.file
    if path is None and settings.directory is not None:
        path = settings.directory / f"{service}.log"
    handler = _to_file(path, settings) if path else logging.StreamHandler(sys.stderr)
    handler.name = _NAME
    handler.setFormatter(_formatter(settings.format, service))
    root = logging.getLogger()
    for old in [old for old in root.handlers if old.name == _NAME]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(settings.level)
    return path


class SharedFile(WatchedFileHandler):
    """A rotated file that several processes of one service may write to at once."""

    def __init__(self, path: Path, size: int, count: int) -> None:
        self._path, self._size, self._count = path, size, count
        super().__init__(path, encoding="utf-8")

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message; a file that has reached its size is put aside first."""
        if self._is_full():
            self._put_aside()
        super().emit(record)  # opens the file anew if it was put aside, by whomever

    def _is_full(self) -> bool:
        return 0 < self._size <= (self._path.stat().st_size if self._path.exists() else 0)

    def _put_aside(self) -> None:
        with _locked(self._path.parent):
            if self._is_full():  # still: else another process was quicker
                for number in range(self._count - 1, 0, -1):
                    if self._numbered(number).exists():
                        self._numbered(number).replace(self._numbered(number + 1))
                self._path.replace(self._numbered(1))

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


class _Utc(logging.Formatter):
    """True time, UTC, to the millisecond."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"


class _Json(_Utc):
    """One JSON object a line, for those who collect logs."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False)


def _formatter(form: str, service: str) -> logging.Formatter:
    if form == "json":
        return _Json(service)
    return _Utc(TEXT if form == "text" else form, defaults={"service": service})


def _to_file(path: Path, settings: Logging) -> logging.Handler:
    try:
        if settings.directory is not None:
            settings.directory.mkdir(parents=True, exist_ok=True)
        return SharedFile(path.absolute(), settings.rotate_size, settings.rotate_count)
    except OSError as error:
        raise LogFileRefused(path, error.strerror or str(error)) from error


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
