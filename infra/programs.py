"""Programs of a site, as a process group each: waited for, ended with their children, and told of.

What one prints goes to files, so that it fills no memory; nor may it fill the disk.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import IO, TypeAlias

PRINTED_AT_MOST = 64 << 20
"""A program that has printed more bytes than this prints rubbish, and is killed."""

Process: TypeAlias = "subprocess.Popen[bytes]"
_LOOK_S = 0.1


def waited_for(
    process: Process, timeout: float, files: Sequence[IO[bytes]], stopped: Callable[[], str | None]
) -> str | None:
    """Wait until a program has ended; return why it has to be killed before, None if it need not.

    `stopped` is called again and again meanwhile; it returns a reason too, and may raise.
    """
    deadline = monotonic() + timeout
    while (left := deadline - monotonic()) > 0:
        with suppress(subprocess.TimeoutExpired):
            process.wait(min(_LOOK_S, left))
            return None
        if any(os.fstat(file.fileno()).st_size > PRINTED_AT_MOST for file in files):
            return f"printed more than {PRINTED_AT_MOST >> 20} MiB: it was killed"
        why = stopped()
        if why is not None:
            return why
    return f"hung: it was killed after {timeout:g} s"


def kill(group: int) -> None:
    """Kill what is left of a process group."""
    with suppress(ProcessLookupError, PermissionError):  # macOS refuses where all have ended
        os.killpg(group, signal.SIGKILL)


def end(process: Process) -> None:
    """Kill what is left of a program and of its children."""
    kill(process.pid)
    process.wait()


def ending(code: int) -> str:
    """Say how a program ended that did not end well."""
    if code > 0:
        return f"ended with exit code {code}"
    try:
        return f"ended with signal {signal.Signals(-code).name}"
    except ValueError:  # the real-time ones have no names
        return f"ended with signal {-code}"


def tail(file: IO[bytes], most: int) -> str:
    """Return the last bytes that a program wrote, at most so many, as text."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - most))
    return file.read().decode("utf-8", "replace").replace("\0", "\ufffd")
