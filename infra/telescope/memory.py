"""How far each request came at a telescope, on the disk, and the program that runs for it."""

from pathlib import Path
from uuid import UUID

import orjson

from consumers import Refused, Ticket
from consumers.shots import Found
from infra.broker.storage import files
from infra.epochs import Gate
from infra.telescope.programs import Programs

_BEGUN = Found("set-up", ended=False)


class Memory:
    """What a telescope remembers, whatever dies: the part of its adapters that they share."""

    def __init__(self, directory: Path) -> None:
        self._gate = Gate(directory)
        self.programs = Programs(directory / ".program")

    def begin(self, ticket: Ticket) -> None:
        """Begin a request; raise `Refused` for one that was begun before."""
        with self._gate.admitted(ticket):
            if self._path(ticket.request).exists():
                raise Refused(f"the request {ticket.request} was begun before")
            self._write(ticket.request, _BEGUN)

    def find(self, ticket: Ticket) -> Found | None:
        """Return how far a request came, None if it was never begun.

        What an instance before has left running is ended.
        """
        with self._gate.admitted(ticket):
            path = self._path(ticket.request)
            found = Found(**orjson.loads(path.read_bytes())) if path.exists() else None
        self.programs.end_what_is_left()
        return found

    def note(self, ticket: Ticket, found: Found) -> None:
        """Keep how far a request has come."""
        with self._gate.admitted(ticket):
            self._write(ticket.request, found)

    def check(self, ticket: Ticket) -> None:
        """Raise `Refused` for a ticket whose epoch was replaced."""
        with self._gate.admitted(ticket):
            pass

    def _path(self, request: UUID) -> Path:
        return self._gate.directory / f"{request}.json"

    def _write(self, request: UUID, found: Found) -> None:
        files.replace(self._path(request), orjson.dumps(found._asdict()))
