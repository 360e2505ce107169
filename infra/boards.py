"""Where people find notices: a directory with a file for each, named by its request."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from consumers import Refused, Ticket
from infra.broker.storage import files
from infra.clock import utc_micros
from schemas.utc import iso

_EPOCH, _ACTS = ".epoch", "notices.log"


class DirectoryBoard:
    """A board that puts each notice up once, whoever asks for it and however often.

    It remembers the highest epoch that it has seen, on the disk, and refuses lower ones.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def put(self, ticket: Ticket, subject: str, text: str) -> str:
        """Put a notice up, and return its path; see `consumers.notices.Board`."""
        path = self._path(ticket)
        with self._alone() as lock:
            self._admit(ticket, lock)
            if not path.exists():
                files.replace(path, f"{subject}\n\n{text}\n".encode(), mode=0o644)
                self._note(ticket, subject)
        return str(path)

    def find(self, ticket: Ticket) -> str | None:
        """Return the path of a request's notice, None if it is not up."""
        with self._alone() as lock:  # an instance before may be in the middle of putting it up
            self._admit(ticket, lock)
        path = self._path(ticket)
        return str(path) if path.exists() else None

    def _note(self, ticket: Ticket, subject: str) -> None:
        """Add a line to the list of what was put up, for people who look through it."""
        when = iso(utc_micros())
        with (self._directory / _ACTS).open("a", encoding="utf-8") as acts:
            acts.write(f"{when}  {ticket.request}  {subject}\n")

    def _path(self, ticket: Ticket) -> Path:
        return self._directory / f"{ticket.request}.txt"

    @contextmanager
    def _alone(self) -> Iterator[int]:
        self._directory.mkdir(parents=True, exist_ok=True)
        fd = os.open(self._directory / _EPOCH, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield fd
        finally:
            os.close(fd)

    def _admit(self, ticket: Ticket, lock: int) -> None:
        seen = int(os.pread(lock, 20, 0) or b"0")
        if ticket.epoch < seen:
            raise Refused(f"epoch {ticket.epoch} was replaced by {seen}")
        if ticket.epoch > seen:
            files.write_at(lock, str(ticket.epoch).encode(), 0)
            files.sync_data(lock)
