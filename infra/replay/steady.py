"""Quiet in this process while records are due: nothing else may hold the interpreter for long."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SWITCH_S = 0.0001


@contextmanager
def steady() -> Iterator[None]:
    """Keep pauses of the interpreter below a fraction of a millisecond while the block runs.

    A full garbage collection looks at everything ever imported (10 to 20 ms), so that is set
    aside first; what the block makes is still collected. And the thread of the progress display
    gives the interpreter back after 0.1 ms, not Python's 5.
    """
    switch = sys.getswitchinterval()
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(_SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(switch)
        gc.unfreeze()
