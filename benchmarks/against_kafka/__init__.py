"""The embedded broker beside Apache Kafka (a single node): same clients, same topics, in one run.

    python -m benchmarks against_kafka

Both keep records in the page cache (flush off) but where a row says synced. Throughput rows are
medians of alternating runs; a broker's CPU is its process's own time while the run lasts.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.against_kafka import fleet, latency, starting, throughput
from benchmarks.against_kafka.servers import Server, embedded, kafka
from benchmarks.table import Row

BESIDE = "Apache Kafka"


def rows(quick: bool = False) -> list[Row]:
    """Return every comparison; the start comes first, since it needs brokers of its own."""
    found = starting.rows(quick)
    with _both() as (ours, theirs):
        found += latency.rows(ours, theirs, quick)
        found += fleet.rows(ours, theirs, quick)
        found += throughput.rows(ours, theirs, quick)
    return found


@contextmanager
def _both() -> Iterator[tuple[Server, Server]]:
    with tempfile.TemporaryDirectory(prefix="evctl-bench-") as folder, ExitStack() as running:
        yield (
            running.enter_context(embedded(Path(folder) / "embedded")),
            running.enter_context(kafka(Path(folder) / "kafka")),
        )
