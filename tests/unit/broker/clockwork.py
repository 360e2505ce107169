"""An event loop whose clock is turned by the test: hours pass in no time, and always alike."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Clockwork(asyncio.SelectorEventLoop):
    """Timers run when `advance` passes their time, in their order."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0

    def time(self) -> float:
        """Return the time that the test has set."""
        return self._now

    def do(self, step: Callable[[], T]) -> T:
        """Run `step` inside the loop, and what follows from it at once."""

        async def run() -> T:
            result = step()
            for _ in range(3):  # for callbacks of callbacks
                await asyncio.sleep(0)
            return result

        return self.run_until_complete(run())

    def advance(self, seconds: float) -> None:
        """Let time pass, in steps finer than any timeout of the tests."""
        end = self._now + seconds
        while self._now < end:
            self._now = min(self._now + 0.01 if seconds <= 1 else self._now + 0.5, end)
            self.do(lambda: None)
