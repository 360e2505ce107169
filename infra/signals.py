"""Ctrl+C and SIGTERM as a wish that a loop sees between two batches."""

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """Whether this process was asked to end, and the exit code that says so.

    Waiting goes through a pipe: what `threading.Event` locks can't be taken again by a signal
    handler that runs in the thread that holds it.
    """

    def __init__(self) -> None:
        self.exit_code = 0
        self._readable, self._writable = os.pipe()

    @property
    def requested(self) -> bool:
        """True from the first SIGINT or SIGTERM on."""
        return self.exit_code != 0

    def wait(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds for the wish to end; tell whether it has come."""
        select.select([self._readable], [], [], timeout)
        return self.requested

    def on_signal(self, number: int, _frame: FrameType | None = None) -> None:
        """Take the wish; a second one raises KeyboardInterrupt there and then."""
        if self.requested:
            raise KeyboardInterrupt
        self.exit_code = 128 + number
        os.write(self._writable, b"!")

    def close(self) -> None:
        """Give the pipe back."""
        os.close(self._readable)
        os.close(self._writable)


@contextmanager
def stopping() -> Iterator[Stop]:
    """Turn SIGINT (exit code 130) and SIGTERM (143) into a flag while the block runs.

    In the main thread only, as Python has it. The handlers of before are put back.
    """
    stop = Stop()
    previous = {
        number: signal.signal(number, stop.on_signal) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        stop.close()
