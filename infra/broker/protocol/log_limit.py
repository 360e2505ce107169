"""Keeps one client, or one bad disk, from filling the broker's log with the same line."""

import logging
import time

_LINES = 20  # of one kind, in a period
_PERIOD_S = 60.0


class LogLimit(logging.Filter):
    """Lets some lines of a kind pass in each minute, and then tells how many it left out.

    Lines are of one kind if they differ only in what is filled in.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kinds: dict[tuple[str, str], tuple[float, int]] = {}  # begin of the period, lines

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is to be written."""
        now = time.monotonic()
        kind = (record.name, str(record.msg))
        begun, lines = self._kinds.get(kind, (now, 0))
        if now - begun > _PERIOD_S:
            if lines > _LINES:
                left_out = f" (and {lines - _LINES} lines like this, left out since the last one)"
                record.msg = str(record.msg) + left_out.replace("%", "%%")
            begun, lines = now, 0
        self._kinds[kind] = (begun, lines + 1)
        if lines + 1 == _LINES:
            record.msg = f"{record.msg} (more lines like this are left out for a minute)"
        return lines < _LINES
