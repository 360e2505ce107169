"""Points at which this process dies, if a test asks for it: `EVCTL_DIE_AT=POINT` or `POINT:N`.

At the Nth time that it reaches the point, the process is killed as a power cut would. Points lie
beside transactions, acknowledgements and hand-overs, never in a loop over records.
"""

import os
import signal
from collections.abc import Callable
from enum import StrEnum

VARIABLE = "EVCTL_DIE_AT"


class Point(StrEnum):
    """Where a process may be told to die."""

    BEFORE_PRODUCE = "before-produce"  # decided, and nothing of it sent
    AFTER_PRODUCE = "after-produce"  # acknowledged, and no snapshot written
    BEFORE_COMMIT = "before-commit"  # of a snapshot, or of a view's rows and offset
    AFTER_COMMIT = "after-commit"
    EPOCH_RAISED = "epoch-raised"  # in a take-over: in SQL, not yet on the log
    ANNOUNCED = "announced"  # in a take-over: on the log, nothing adopted
    ADOPTED = "adopted"  # at the end of a take-over
    GIVEN = "given"  # in a rebalance
    TAKEN_AWAY = "taken-away"
    WORK_STARTED = "work-started"  # the log knows, the world not yet
    WORK_DONE = "work-done"  # the world knows, the log not yet
    REBUILD_BATCH = "rebuild-batch"
    RESTORE_BATCH = "restore-batch"  # a part of an archive is on the log
    REBUILD_FILLED = "rebuild-filled"  # the new tables are complete, the old ones serve


_point, _, _times = os.environ.get(VARIABLE, "").partition(":")
_left = int(_times or 1)


def reach(point: Point, first: Callable[[], object] = lambda: None) -> None:
    """Die here, if this is the point and the time; `first` is what has to be done by then."""
    if point == _point:
        _die(first)


def _die(first: Callable[[], object]) -> None:
    global _left  # noqa: PLW0603 the count is the process's
    _left -= 1
    if _left == 0:
        first()
        os.kill(os.getpid(), signal.SIGKILL)
