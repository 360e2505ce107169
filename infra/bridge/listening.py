"""A thread that only listens, so that nothing is missed while the log is slow or away."""

from threading import Event, Thread
from types import TracebackType
from typing import Self

from infra.bridge.inbox import Inbox
from infra.bridge.sockets import Hearing

_LOOK_UP_S = 0.1
_LAST_LOOKS = 20
"""So often ZeroMQ's queue is emptied at the end; a sender that never pauses is not waited for."""


class Listener:
    """Puts into an inbox what is heard, from entering the `with` block until it is ended."""

    def __init__(self, hearing: Hearing, inbox: Inbox) -> None:
        self._hearing, self._inbox = hearing, inbox
        self._enough = Event()
        self._fault: Exception | None = None
        self._thread = Thread(target=self._listen, name="listener", daemon=True)

    @property
    def ended(self) -> bool:
        """Whether nothing more will come into the inbox; raises what ended it unasked."""
        if self._fault is not None:
            raise self._fault
        return not self._thread.is_alive()

    def end(self) -> None:
        """Hear nothing more; what has arrived by now is in the inbox."""
        self._enough.set()
        self._thread.join()

    def _listen(self) -> None:
        try:
            with self._hearing as hearing:
                while not self._enough.is_set():
                    self._inbox.put(hearing.receive(_LOOK_UP_S))
                for _ in range(_LAST_LOOKS):
                    self._inbox.put(hearing.receive(0))
        except Exception as fault:  # noqa: BLE001 the main thread says it
            self._fault = fault

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.end()
