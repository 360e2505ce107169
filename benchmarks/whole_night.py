"""A simulated night of ten hours and 5,000,000 events, replayed at full speed.

python -m benchmarks whole_night
"""

from statistics import median
from time import perf_counter

from benchmarks.replay_speed import bare_copy, replay_copy
from benchmarks.scene import scratch_log
from benchmarks.table import Row
from infra.log import topics
from infra.log.cluster import Cluster
from infra.log.registry import Registry
from infra.log.writing import Publisher
from producers.simulated_night import DURATION, simulated_night
from schemas.topics import OBSERVATORY

EVENTS = 5_000_000
BAR_S = 25.0


def rows(quick: bool = False) -> list[Row]:
    """Return how long it takes, in s, beside the bare loop that copies it."""
    wanted, rounds = (EVENTS // 50, 1) if quick else (EVENTS, 3)
    with scratch_log() as cluster:
        count = _record(cluster, wanted / DURATION)
        ours, bare = [], []
        for n in range(rounds):
            begin = perf_counter()
            bare_copy(cluster, count, f"bare{n}")
            bare.append(perf_counter() - begin)
            begin = perf_counter()
            replay_copy(cluster, f"ours{n}", bounded=True)
            ours.append(perf_counter() - begin)
            _clear(cluster)
    mine, other = median(ours), median(bare)
    note = f"{count:,} events; bar: {BAR_S * wanted / EVENTS:g} s"
    return [Row("a simulated night of 10 h, --speed max", mine, "s", other, mine / other, note)]


def _record(cluster: Cluster, rate: float) -> int:
    publisher = Publisher(cluster, Registry(cluster), OBSERVATORY, "bench", linger_ms=20)
    count = 0
    for count, event in enumerate(simulated_night(1, rate=rate), 1):  # noqa: B007 counted
        publisher.publish(event)
    publisher.flush()
    return count


def _clear(cluster: Cluster) -> None:
    """Remove the copies, so that the disk does not fill."""
    copies = [name for name in topics.existing(cluster) if "." in name]
    topics.delete(cluster, copies)
