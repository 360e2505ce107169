"""A live line about a replay on the terminal; nothing where standard error is none."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from infra.replay.course import Course
from infra.replay.spans import said as span
from schemas import utc
from schemas.utc import MICROS

_REFRESH_HZ = 4
_PER_MILLE = 1000
_WIDE = 100
"""Columns from which on there is room for a bar."""


@contextmanager
def shown(course: Course, ends: Sequence[int], keys: str) -> Iterator[None]:
    """Show how far the replay is while the block runs, and below it which `keys` there are.

    `ends` are the event times (µs UTC) at which its parts end. The line is drawn by a thread of its
    own that reads the course, so that sending never waits for the terminal.
    """
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console, RenderableType  # noqa: PLC0415 (0.1 s that pipes need not pay)
    from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415
    from rich.table import Column  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    class Line(Progress):
        """A progress bar that asks for its state when it is drawn."""

        def get_renderables(self) -> Iterator[RenderableType]:
            done = _PER_MILLE * fraction(course, ends)
            for task in self.task_ids:
                self.update(task, completed=done, description=said(course, ends))
            yield from super().get_renderables()
            if course.refused:
                yield Text(course.refused)
            if keys:
                yield Text(keys, style="dim")

    console = Console(stderr=True)
    words = TextColumn("{task.percentage:>3.0f}% {task.description}", table_column=Column())
    columns = (BarColumn(bar_width=20), words) if console.width >= _WIDE else (words,)
    with Line(*columns, console=console, transient=True, refresh_per_second=_REFRESH_HZ) as line:
        line.add_task("", total=_PER_MILLE)
        yield


def fraction(course: Course, ends: Sequence[int]) -> float:
    """Return how much of the present part's event time has gone by, 0 to 1."""
    if course.first_time is None or course.part >= len(ends):
        return 0.0
    whole = ends[course.part] - course.part_from
    return min(max((course.time - course.part_from) / whole, 0), 1) if whole > 0 else 1.0


def said(course: Course, ends: Sequence[int] = ()) -> str:
    """Return the state of a replay in a few words: event time, speed, lateness, what is left."""
    if course.first_time is None:
        return "reading"
    speed = "paused" if course.paused else f"{course.present_speed:.4g}x"
    words = [utc.iso(course.time)[:23], speed, f"{course.records:,} records"]
    late = course.lateness
    if late.most:
        words.append(f"late p99 {late.percentile(0.99) / 1000:.1f} max {late.most / 1000:.1f} ms")
    left = (ends[course.part] - course.time) if course.part < len(ends) else 0
    if left > 0 and not course.paused and course.present_speed:
        words.append(f"ETA {span(max(round(left / course.present_speed / MICROS), 1) * MICROS)}")
    return "  ".join(words)
