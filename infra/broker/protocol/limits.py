"""How much of the broker's memory clients may take, and how many they may be.

Clients that hold what others need are closed: a client of Kafka connects again and repeats.
"""

import asyncio
import logging
from typing import Protocol

_LOG = logging.getLogger(__name__)
MAX_CONNECTIONS = 2000
MAX_STRANGERS = 500  # connections that have not logged in
STRANGER_S = 10.0  # time to log in
FRAME_MEMORY = 256 << 20  # requests that are arriving, of all connections
ANSWER_MEMORY = 128 << 20  # answers that clients have not taken, of all connections
_LONGEST_WAIT_S = 5.0


class Client(Protocol):
    """A connection, as the limits see it."""

    peer: str

    def abort(self) -> None:
        """Close at once."""

    def give_back(self) -> None:
        """Release the memory for frames, if no frame is arriving."""

    def has_room(self) -> None:
        """Ask again for memory."""


class Limits:
    """Counts connections, and the bytes that they make the broker hold."""

    def __init__(self) -> None:
        self._known: set[Client] = set()
        self._strangers: dict[Client, asyncio.TimerHandle] = {}
        self._frames: dict[Client, int] = {}
        self._frame_bytes = 0
        self._waiting: dict[Client, asyncio.TimerHandle] = {}
        self._answers: dict[Client, int] = {}  # the one that has stalled longest comes first
        self._answer_bytes = 0

    def arrived(self, client: Client) -> None:
        """Count a connection; it has some seconds to log in."""
        loop = asyncio.get_running_loop()
        self._strangers[client] = loop.call_later(STRANGER_S, self._expelled, client)
        full = len(self._known) + len(self._strangers) > MAX_CONNECTIONS
        if full or len(self._strangers) > MAX_STRANGERS:
            oldest = next(iter(self._strangers))
            _LOG.warning(
                "too many connections, closed that of %s: it had not logged in", oldest.peer
            )
            oldest.abort()
            self.left(oldest)

    def _expelled(self, client: Client) -> None:
        _LOG.warning("closed the connection of %s: no login within %g s", client.peer, STRANGER_S)
        client.abort()

    def logged_in(self, client: Client) -> None:
        """Let a connection stay."""
        timer = self._strangers.pop(client, None)
        if timer is not None:
            timer.cancel()
            self._known.add(client)

    def left(self, client: Client) -> None:
        """Forget a connection and what it held."""
        timer = self._strangers.pop(client, None)
        if timer is not None:
            timer.cancel()
        self._known.discard(client)
        self.taken(client)
        self._stop_waiting(client)
        self.release(client)

    def reserve(self, client: Client, size: int) -> bool:
        """Let `client` hold frames of `size` bytes; if there is no room it is called later."""
        held = self._frames.get(client, 0)
        if self._frame_bytes - held + size > FRAME_MEMORY:
            for other in list(self._frames):
                other.give_back()
        if self._frame_bytes - held + size > FRAME_MEMORY:
            if client not in self._waiting:
                loop = asyncio.get_running_loop()
                self._waiting[client] = loop.call_later(_LONGEST_WAIT_S, self._make_room)
            return False
        self._frame_bytes += size - held
        self._frames[client] = size
        self._stop_waiting(client)
        return True

    def release(self, client: Client) -> None:
        """Take back what `client` held for frames, and let the next ones have it."""
        held = self._frames.pop(client, 0)
        self._frame_bytes -= held
        if held:
            for waiting in list(self._waiting):
                waiting.has_room()

    def _make_room(self) -> None:
        """Nobody has released anything for seconds: who holds the most is closed."""
        largest = max(self._frames, key=self._frames.__getitem__)
        _LOG.warning(
            "closed the connection of %s: requests of %d MB are arriving, and its was the largest",
            largest.peer,
            self._frame_bytes >> 20,
        )
        largest.abort()
        self.left(largest)

    def _stop_waiting(self, client: Client) -> None:
        timer = self._waiting.pop(client, None)
        if timer is not None:
            timer.cancel()

    @property
    def answer_room(self) -> int:
        """Bytes that one more answer may have."""
        return max(ANSWER_MEMORY - self._answer_bytes, 0) // 2

    def untaken(self, client: Client, size: int) -> None:
        """Note that `client` leaves an answer of `size` bytes lying."""
        self.taken(client)
        self._answers[client] = size
        self._answer_bytes += size
        while self._answer_bytes > ANSWER_MEMORY and len(self._answers) > 1:
            oldest = next(iter(self._answers))
            _LOG.warning(
                "closed the connection of %s: it does not take its answers, and %d MB of them wait",
                oldest.peer,
                self._answer_bytes >> 20,
            )
            oldest.abort()
            self.taken(oldest)

    def taken(self, client: Client) -> None:
        """Note that `client` has taken its answers."""
        self._answer_bytes -= self._answers.pop(client, 0)
