"""Runs the broker on a disk that fails while a file says so, and is good again when it is gone.

`python -m tests.crash.failing_broker SWITCH SEED …` takes the broker's own arguments behind them.
The file SWITCH holds what fails: `write`, `sync`, or both. Writes fail whole, or after a part.
"""

import errno
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infra.broker.__main__ import main


class FailingDisk:
    """Makes some of the system's calls fail as a bad or full disk does."""

    def __init__(self, switch: Path, seed: int) -> None:
        self._switch = switch
        self._chance = random.Random(seed)

    def _fails(self, what: str) -> bool:
        try:
            return what in self._switch.read_text()
        except FileNotFoundError:
            return False

    def pwrite(self, real: Callable[..., int]) -> Callable[..., int]:
        """Return a `pwrite` that refuses a third of all writes and cuts another third short."""

        def call(fd: int, data: Any, position: int) -> int:
            how = self._chance.randrange(3) if self._fails("write") else 2
            if how == 0:
                raise OSError(self._chance.choice((errno.EIO, errno.ENOSPC)), "the disk fails")
            if how == 1 and len(data) > 1:
                return real(fd, memoryview(data)[: self._chance.randrange(1, len(data))], position)
            return real(fd, data, position)

        return call

    def refusing(self, real: Callable[..., Any], what: str, part: float) -> Callable[..., Any]:
        """Return `real` as a call that is refused in a part of all cases."""

        def call(*args: Any, **options: Any) -> Any:
            if self._fails(what) and self._chance.random() < part:
                raise OSError(errno.EIO, "the disk fails")
            return real(*args, **options)

        return call


if __name__ == "__main__":
    disk = FailingDisk(Path(sys.argv.pop(1)), int(sys.argv.pop(1)))
    os.pwrite = disk.pwrite(os.pwrite)
    os.ftruncate = disk.refusing(os.ftruncate, "write", 0.2)
    os.replace = disk.refusing(os.replace, "write", 0.3)
    os.fdatasync = disk.refusing(os.fdatasync, "sync", 1.0)
    sys.modules.setdefault("hypothesis", None)  # type: ignore[arg-type]  # as the broker itself
    sys.exit(main())
