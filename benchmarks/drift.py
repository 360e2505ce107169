"""Whether a replay falls behind with time: ten minutes at 1,000 events/s, on either log.

    python -m benchmarks drift

It takes 20 minutes, so `make bench` leaves it out.
"""

from benchmarks.pacing import WARM_UP_S
from benchmarks.pacing.listening import lateness
from benchmarks.pacing.night import LOGS, log, recorded
from benchmarks.pacing.players import this_player
from benchmarks.table import Row

RATE = 1_000


def rows(quick: bool = False) -> list[Row]:
    """Return the median lateness of the last minute less that of the first, ms."""
    seconds, minute = (5, 1.0) if quick else (600, 60.0)
    found = []
    for kind in LOGS:
        with log(kind) as cluster:
            night = recorded(cluster, RATE, WARM_UP_S + seconds)
            late = lateness(night, "long", this_player, WARM_UP_S, minute)
        note = f"{seconds} s at {RATE:,}/s: last {minute:g} s less first; bar: 0.2 ms"
        found.append(Row(f"replay on {kind}, drift", late.drift, "ms", note=note))
        found.append(Row(f"replay on {kind}, p99 of all", late.p99, "ms"))
    return found
