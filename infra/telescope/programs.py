"""Programs that move the telescope: in process groups of their own, and never left behind.

A program has a lock file open, and its children have it too; so whoever comes after a crash can see
that something of it still runs, and end it.
"""

import fcntl
import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import IO

from consumers.shots import ABORTED, ShotFailed, Stopped
from infra import programs

DETAILS_AT_MOST = 4000
"""So many characters of what a program wrote are kept, the last ones."""

_LOOK_S = 0.1
_PATIENCE_S = 10.0


class Programs:
    """Runs one program at a time; `lock` is a file that it holds while it runs."""

    def __init__(self, lock: Path) -> None:
        self._lock = lock

    def run(
        self,
        words: Sequence[str],
        kind: str,
        timeout: float,
        stopped: Stopped,
        check: Callable[[], None],
    ) -> None:
        """Run a program to its end; raise `ShotFailed` (`kind`) if it fails, hangs or is to stop.

        `check` is called again and again meanwhile, and may raise.
        """
        with tempfile.TemporaryFile() as said, self._held() as lock:
            process = _started(words, kind, said, lock)
            try:
                why = programs.waited_for(process, timeout, [said], lambda: _look(stopped, check))
            finally:
                programs.end(process)
            details = programs.tail(said, 4 * DETAILS_AT_MOST)[-DETAILS_AT_MOST:]
            if why is not None and why == stopped():
                raise ShotFailed(ABORTED, why, details)
            if why is not None or process.returncode != 0:
                how = why or programs.ending(process.returncode)
                raise ShotFailed(kind, f"`{shlex.join(words)}` {how}", details)

    def end_what_is_left(self) -> None:
        """End a program that an instance before has left running; raise `OSError` if it stays."""
        deadline = monotonic() + _PATIENCE_S
        while True:
            try:
                with self._held():
                    return
            except BlockingIOError:
                if monotonic() > deadline:
                    raise
                group = int(self._lock.read_text() or 0)
                if group > 1:
                    programs.kill(group)
                sleep(_LOOK_S)

    @contextmanager
    def _held(self) -> Iterator[int]:
        """Hold the lock; raise `BlockingIOError` where something else does."""
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield fd
        finally:
            os.close(fd)


def _started(words: Sequence[str], kind: str, said: IO[bytes], lock: int) -> programs.Process:
    os.ftruncate(lock, 0)  # what stands there is the process that holds it, or nothing
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[lock],
        )
    except (OSError, ValueError) as fault:
        raise ShotFailed(kind, f"{words[0]} can't be started: {fault}") from fault
    os.pwrite(lock, str(process.pid).encode(), 0)
    return process


def _look(stopped: Stopped, check: Callable[[], None]) -> str | None:
    """Return why a program is to stop, and raise where it has no right to go on."""
    why = stopped()
    if why is None:
        check()
    return why
