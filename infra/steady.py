"""The garbage collector's long pauses, kept out of loops over many records."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SWITCH_S = 0.0001
_YOUNG = 50_000
"""Containers made before the collector looks at the youngest: a batch of records has as many."""


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

    What was imported until now is set aside, and what the block makes is collected as always. The
    thread of the progress display gives the interpreter back after 0.1 ms, not Python's 5.
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
