"""Keys pressed in the terminal where a replay runs, as commands to it."""

import os
import re
import select
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from infra.replay.controls import Accelerate, Burst, Command, Quit, Seek, SetSpeed, Toggle
from schemas.utc import MICROS

KEYS: dict[bytes, Command] = {
    b" ": Toggle(),
    b"n": Burst(1),
    b"b": Burst(10),
    b"\x1b[D": Seek(-10 * MICROS, relative=True),
    b"\x1b[C": Seek(10 * MICROS, relative=True),
    b"\x1b[B": Seek(-60 * MICROS, relative=True),
    b"\x1b[A": Seek(60 * MICROS, relative=True),
    b"+": Accelerate(2),
    b"-": Accelerate(0.5),
    b"1": SetSpeed(1),
    b"m": SetSpeed(float("inf")),
    b"q": Quit(),
}
HELP = (
    "space pause  n next  b ten  \N{LEFTWARDS ARROW}\N{RIGHTWARDS ARROW} 10 s  "
    "\N{DOWNWARDS ARROW}\N{UPWARDS ARROW} 1 min  +- speed  1 real  m max  q quit"
)
_KEY = re.compile(rb"\x1b(?:\[[0-9;]*|O)[@-~]|.", re.DOTALL)
"""What a key sends: such as F10 more than a byte, of which none is a key by itself."""

_AT_ONCE = 64
_LOCAL_MODES = 3


class Terminal:
    """The terminal's keys. While another job is in the foreground, it is left alone."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._before: list[Any] | None = None

    def look(self) -> Iterator[Command]:
        """Yield the commands of the keys pressed since the last look, without waiting."""
        if not self._ready():
            return
        while select.select([self._fd], [], [], 0)[0]:
            typed = os.read(self._fd, _AT_ONCE)
            if not typed:  # the terminal is gone
                return
            yield from commands(typed)

    def _ready(self) -> bool:
        """Whether keys come one by one, and to us; to ask for it from behind would stop us."""
        try:
            if os.tcgetpgrp(self._fd) != os.getpgrp():
                return False
            modes = termios.tcgetattr(self._fd)
            if modes[_LOCAL_MODES] & termios.ICANON:  # at the start, and after Ctrl+Z and fg
                self._before = self._before or modes
                tty.setcbreak(self._fd, termios.TCSANOW)
        except (OSError, termios.error):
            return False
        return True

    def restore(self) -> None:
        """Let the terminal be as it was."""
        if self._before is not None:
            with suppress(OSError, termios.error):
                termios.tcsetattr(self._fd, termios.TCSANOW, self._before)


def commands(typed: bytes) -> Iterator[Command]:
    """Yield what some bytes of a terminal mean; keys without a meaning are passed over."""
    for key in _KEY.findall(typed):
        if key in KEYS:
            yield KEYS[key]


@contextmanager
def terminal() -> Iterator[Terminal | None]:
    """Give the keys of standard input; none where that is no terminal, or nobody sees the line."""
    if sys.stdin is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        yield None
        return
    found = Terminal(sys.stdin.fileno())
    try:
        yield found
    finally:
        found.restore()
