"""Programs that move the telescope: in process groups of their own, and never left behind.

A program has a lock file open, and its children have it too; so whoever comes after a crash can see
that something of it still runs, and end it.
"""

import fcntl
import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import IO, TypeAlias

from consumers.shots import ABORTED, ShotFailed, Stopped

DETAILS_AT_MOST = 4000
"""So many characters of what a program wrote are kept, the last ones."""

_Process: TypeAlias = "subprocess.Popen[bytes]"
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
                why = _waited_for(process, timeout, stopped, check)
                code = process.poll()
            finally:
                _end(process)
            if why is not None:
                raise ShotFailed(ABORTED, why, _tail(said))
            if code != 0:
                how = f"hung: it was killed after {timeout:g} s" if code is None else _ending(code)
                raise ShotFailed(kind, f"`{shlex.join(words)}` {how}", _tail(said))

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
                _kill(int(self._lock.read_text() or 0))
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


def _started(words: Sequence[str], kind: str, said: IO[bytes], lock: int) -> _Process:
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


def _waited_for(
    process: _Process, timeout: float, stopped: Stopped, check: Callable[[], None]
) -> str | None:
    """Wait until a program ends, it is late, or why it is to stop, which is returned."""
    deadline = monotonic() + timeout
    while monotonic() < deadline:
        with suppress(subprocess.TimeoutExpired):
            process.wait(_LOOK_S)
            return None
        why = stopped()
        if why is not None:
            return why
        check()
    return None


def _end(process: _Process) -> None:
    """Kill what is left of a program's process group."""
    _kill(process.pid)
    process.wait()


def _kill(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        if group > 1:
            os.killpg(group, signal.SIGKILL)


def _ending(code: int) -> str:
    how = f"exit code {code}" if code > 0 else f"signal {signal.Signals(-code).name}"
    return f"ended with {how}"


def _tail(said: IO[bytes]) -> str:
    size = said.seek(0, os.SEEK_END)
    said.seek(max(0, size - 4 * DETAILS_AT_MOST))
    text = said.read().decode("utf-8", "replace").replace("\0", "\ufffd")
    return text[-DETAILS_AT_MOST:]
