"""The one place that reads the wall clock and draws identities.

Everything else takes time as an argument or from records, so that a replay can bring its own.
"""

import time
import uuid


def utc_micros() -> int:
    """Return the present time, UTC, in µs since 1970-01-01 (leap seconds not counted)."""
    return time.time_ns() // 1000


def fresh_id() -> str:
    """Return a new random identity, 32 hexadecimal digits: for a run of a publisher or a replay."""
    return uuid.uuid4().hex
