"""How late a replay's events are at a consumer in another process, beside a bare loop.

    python -m benchmarks pacing

A night lies in three topics of six partitions in all, at 1,000, 5,000 and 50,000 events/s, on the
embedded log and on Apache Kafka. The bare loop has all of it in memory, in order, and does nothing
but sleep until each absolute deadline and produce. Medians of alternating runs.
"""

from statistics import median

from benchmarks.pacing.listening import Late, lateness
from benchmarks.pacing.night import LOGS, Night, log, recorded
from benchmarks.pacing.players import sleep_and_send, this_player
from benchmarks.table import Row

WARM_UP_S = 2
_BARS = {
    ("embedded", 1_000): ("p50 ≤ 0.3 ms", "p99 ≤ 2 ms"),
    ("embedded", 5_000): ("p50 ≤ 0.3 ms", "p99 ≤ 2 ms"),
    ("embedded", 50_000): ("p50 ≤ 1.5 ms", "p99 ≤ 2 × bare"),
}
_KAFKA_BARS = ("", "p99 ≤ 10 ms")


def rows(quick: bool = False) -> list[Row]:
    """Return p50 and p99 of the lateness at the consumer, ms, for each log and rate."""
    seconds, rounds = (1, 1) if quick else (10, 5)
    found = []
    for kind in LOGS:
        for rate in (1_000, 5_000, 50_000):
            with log(kind) as cluster:
                night = recorded(cluster, rate, WARM_UP_S + seconds)
                found += _compared(kind, night, rounds)
    return found


def _compared(kind: str, night: Night, rounds: int) -> list[Row]:
    ours, bare = list[Late](), list[Late]()
    for n in range(rounds):
        bare.append(lateness(night, f"bare{n}", sleep_and_send, WARM_UP_S))
        ours.append(lateness(night, f"ours{n}", this_player, WARM_UP_S))
    bars = _BARS.get((kind, night.rate), _KAFKA_BARS)
    found = []
    for name, bar in zip(("p50", "p99"), bars, strict=True):
        mine = median(getattr(late, name) for late in ours)
        other = median(getattr(late, name) for late in bare)
        note = f"{night.seconds - WARM_UP_S} s" + (bar and f"; bar: {bar}")
        what = f"replay on {kind}, {night.rate:,}/s, lateness at the consumer, {name}"
        found.append(Row(what, mine, "ms", other, mine / other, note))
    return found
