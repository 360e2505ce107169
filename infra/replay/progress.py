"""A live line about a replay on the terminal; nothing where standard error is none."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from infra.replay.course import Course
from infra.replay.request import Request
from schemas import utc

_REFRESH_HZ = 4


@contextmanager
def shown(course: Course, request: Request) -> Iterator[None]:
    """Show how far the replay is while the block runs.

    The line is drawn by a thread of its own that reads the course, so that sending never waits for
    the terminal.
    """
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console, RenderableType  # noqa: PLC0415 (0.1 s that pipes need not pay)
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    class Line(Progress):
        """A progress bar that asks for its state when it is drawn."""

        def get_renderables(self) -> Iterator[RenderableType]:
            for task in self.task_ids:
                done = course.records + course.skipped
                self.update(task, completed=done, description=said(course))
            return iter(super().get_renderables())

    columns = (BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    console = Console(stderr=True)
    with Line(*columns, console=console, transient=True, refresh_per_second=_REFRESH_HZ) as line:
        line.add_task("", total=request.records)
        yield


def said(course: Course) -> str:
    """Return the state of a replay in a few words: event time, records, speed, lateness."""
    if course.first_time is None:
        return "reading"
    words = f"{utc.iso(course.time)[:19]}  {course.records:,} records  {course.speed:.4g}x"
    late = course.lateness.most
    return f"{words}  at most {late / 1000:.1f} ms late" if late else words
