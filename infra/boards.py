"""Where people find notices: a directory with a file for each, named by its request."""

from pathlib import Path

from consumers import Ticket
from infra.broker.storage import files
from infra.clock import utc_micros
from infra.epochs import Gate
from schemas.utc import iso

_ACTS = "notices.log"


class DirectoryBoard:
    """A board that puts each notice up once, whoever asks for it and however often.

    It remembers the highest epoch that it has seen, on the disk, and refuses lower ones.
    """

    def __init__(self, directory: Path) -> None:
        self._directory, self._gate = directory, Gate(directory)

    def put(self, ticket: Ticket, subject: str, text: str) -> str:
        """Put a notice up, and return its path; see `consumers.notices.Board`."""
        path = self._path(ticket)
        with self._gate.admitted(ticket):
            if not path.exists():
                files.replace(path, f"{subject}\n\n{text}\n".encode(), mode=0o644)
                self._note(ticket, subject)
        return str(path)

    def find(self, ticket: Ticket) -> str | None:
        """Return the path of a request's notice, None if it is not up."""
        with self._gate.admitted(ticket):  # another may be in the middle of putting it up
            path = self._path(ticket)
        return str(path) if path.exists() else None

    def _note(self, ticket: Ticket, subject: str) -> None:
        """Add a line to the list of what was put up, for people who look through it."""
        when = iso(utc_micros())
        with (self._directory / _ACTS).open("a", encoding="utf-8") as acts:
            acts.write(f"{when}  {ticket.request}  {subject}\n")

    def _path(self, ticket: Ticket) -> Path:
        return self._directory / f"{ticket.request}.txt"
