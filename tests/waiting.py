"""Waiting for a condition, which no test does by sleeping for a time that should do."""

from collections.abc import Callable
from time import monotonic, sleep

import psutil

WAIT_S = 120
_OFTEN_S, _SELDOM_S = 0.02, 0.5


def until(
    happened: Callable[[], bool],
    otherwise: str = "what was waited for did not happen",
    within: float = WAIT_S,
) -> None:
    """Wait for a condition; fail with a sentence if it does not come.

    One that costs much, such as reading a log, is asked for less often: what is waited for needs
    the processor.
    """
    deadline = monotonic() + within
    asked = monotonic()
    while not happened():
        now = monotonic()
        assert now < deadline, otherwise
        sleep(min(max(_OFTEN_S, 3 * (now - asked)), _SELDOM_S))
        asked = monotonic()


def has_ended(pid: int) -> bool:
    """Whether a process has ended, if perhaps the system has not taken note of it yet."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
