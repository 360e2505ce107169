"""Messages that wait to be recorded, bounded in bytes."""

from collections import deque
from collections.abc import Iterable, Sequence
from threading import Condition

Message = Sequence[bytes]

_EACH = 256
"""Bytes that a message takes beside its frames."""


class Inbox:
    """What one thread puts in and another takes out, in order; what has no room is dropped."""

    def __init__(self, limit: int) -> None:
        """`limit` is in bytes."""
        self._limit, self._held = limit, 0
        self._waiting: deque[Message] = deque()
        self._changed = Condition()
        self.received = self.dropped = 0

    def put(self, messages: Iterable[Message]) -> None:
        """Add messages; each that finds no room is dropped and counted."""
        with self._changed:
            for message in messages:
                self.received += 1
                size = _weight(message)
                if self._held + size > self._limit:
                    self.dropped += 1
                else:
                    self._held += size
                    self._waiting.append(message)
            self._changed.notify()

    def take(self, most: int, timeout: float) -> list[Message]:
        """Return the oldest messages; none if none comes within `timeout` s."""
        with self._changed:
            if not self._waiting:
                self._changed.wait(timeout)
            taken = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
            self._held -= sum(map(_weight, taken))
        return taken

    def __len__(self) -> int:
        return len(self._waiting)


def _weight(message: Message) -> int:
    return _EACH + sum(map(len, message))
