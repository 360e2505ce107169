"""Observation numbers of a simulation from a database to throw away, as the worker takes them."""

from uuid import UUID

from consumers import Ticket
from infra.database import Database
from infra.observation_numbers.store import NumberStore
from producers.telescope.answering import Number

_EPOCH = 1
"""One simulation takes numbers under its name, and a request gets the same again."""


class StoredNumbers:
    """Numbers out of a database; one that rehearsals may not have is refused.

    The same night under another id asks with the same requests, and gets the same numbers again.
    """

    def __init__(self, database: Database, namespace: str, instrument: str) -> None:
        self._store = NumberStore(database, namespace, instrument, rehearses=namespace)

    def take(self, request: str, obsdate: str, inst: str) -> Number:
        """Return the date's next number; raise why there is none, as one sentence."""
        return Number(*self._store.take(Ticket(UUID(request), _EPOCH), obsdate, inst))
