"""Loops over many records that keep time: no long pauses, no sleep longer than asked for."""

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SWITCH_S = 0.0001
_YOUNG = 50_000
"""Containers made before the collector looks at the youngest: a batch of records has as many."""

_SELDOM = 1_000
"""Looks at the middle-aged before one at all, which takes 25 ms where 60,000 records wait."""

_SET_SLACK, _GET_SLACK = 29, 30
"""PR_SET_TIMERSLACK and PR_GET_TIMERSLACK of <linux/prctl.h>."""

_SLACK_NS = 1


@contextmanager
def unhurried() -> Iterator[None]:
    """Collect garbage seldom while the block runs: for loops whose objects die with each batch.

    What was imported until now is set aside (a full look at it takes 10 to 20 ms), and the youngest
    objects, which reference counts free anyway, are looked at once a batch and not 70 times.
    """
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


@contextmanager
def steady() -> Iterator[None]:
    """Keep pauses of the interpreter below a fraction of a millisecond while the block runs.

    What was imported until now is set aside, and what the block makes is collected while it is
    young as always, but seldom when it is old. The thread of the progress display gives the
    interpreter back after 0.1 ms, not Python's 5. On Linux this thread is woken from its sleep when
    it wants to be, and not up to 50 µs later together with others.
    """
    switch, thresholds = sys.getswitchinterval(), gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*thresholds[:2], _SELDOM)
    sys.setswitchinterval(_SWITCH_S)
    slack = _timer_slack(_SLACK_NS)
    try:
        yield
    finally:
        _timer_slack(slack)
        sys.setswitchinterval(switch)
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def _timer_slack(nanoseconds: int) -> int:
    """Set how much later than asked this thread may wake; return how much it was, 0 if unknown."""
    if sys.platform != "linux" or nanoseconds == 0:
        return 0
    system = ctypes.CDLL(None)
    before: int = max(system.prctl(_GET_SLACK, 0, 0, 0, 0), 0)
    system.prctl(_SET_SLACK, nanoseconds, 0, 0, 0)
    return before
