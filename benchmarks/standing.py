"""How fast the last known values before a replay's start are found, in a log without a seal.

    python -m benchmarks standing

The bare loop reads the same records and their keys, and keeps the last of each key.
"""

from dataclasses import replace
from statistics import median

from benchmarks.scene import publish_night, rate, scratch_log
from benchmarks.table import Row, against
from infra.log import reading
from infra.log.cluster import Cluster
from infra.log.registry import Registry
from infra.replay.standing import standing
from infra.windows import Window
from schemas.topics import OBSERVATORY

PLACE = (OBSERVATORY.name, 0)


def rows(quick: bool = False) -> list[Row]:
    """Return the records a second of both, medians of alternating runs."""
    events, rounds = (100_000, 1) if quick else (1_000_000, 5)
    with scratch_log() as cluster:
        publish_night(cluster, events, 1000.0)
        registry, window = Registry(cluster), _at_the_end(events)
        ours, bare = [], []
        for _ in range(rounds):
            bare.append(rate(events, lambda: _last_of_keys(cluster, events)))
            ours.append(rate(events, lambda: standing(cluster, registry, window)))
    note = f"{events:,} events of 140 bytes, from the log's beginning"
    return [against("last known values found", median(ours), median(bare), "records/s", note)]


def _at_the_end(events: int) -> Window:
    return replace(Window({}), earlier=lambda _: {PLACE: [(0, events)]})


def _last_of_keys(cluster: Cluster, events: int) -> int:
    last = {}
    for batch in reading.messages(cluster, {PLACE: [(0, events)]}):
        for message in batch:
            last[message.key()] = message
    return len(last)
