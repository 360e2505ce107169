"""The highest epoch that a part of the world has seen, on the disk: lower ones are refused."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from consumers import Refused, Ticket
from infra.broker.storage import files

_NAME = ".epoch"


class Gate:
    """Lets one ticket after the other into a directory, none with an epoch that was replaced."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @contextmanager
    def admitted(self, ticket: Ticket) -> Iterator[None]:
        """Let a ticket in, alone while the block runs; raise `Refused` for an old one."""
        self.directory.mkdir(parents=True, exist_ok=True)
        fd = os.open(self.directory / _NAME, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            _admit(ticket, fd)
            yield
        finally:
            os.close(fd)


def _admit(ticket: Ticket, fd: int) -> None:
    seen = int(os.pread(fd, 20, 0) or b"0")
    if ticket.epoch < seen:
        raise Refused(f"epoch {ticket.epoch} was replaced by {seen}")
    if ticket.epoch > seen:
        files.write_at(fd, str(ticket.epoch).encode(), 0)
        files.sync_data(fd)
