"""The embedded broker by itself: how soon it serves, and what it takes when idle."""

import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

import psutil
from confluent_kafka.admin import AdminClient

from benchmarks.table import Row
from infra.broker import control


def rows(quick: bool = False) -> list[Row]:
    """Return the time from the start to the first metadata, and the resident memory when idle."""
    starts, sizes = [], []
    for _ in range(3 if quick else 9):
        with tempfile.TemporaryDirectory(prefix="evctl-bench-") as folder:
            begin = perf_counter()
            endpoint = control.start(Path(folder))
            AdminClient({**endpoint.client_config()}).list_topics(timeout=10)
            starts.append(perf_counter() - begin)
            sleep(0.5)  # idle is what is measured
            sizes.append(psutil.Process(endpoint.pid).memory_info().rss / 2**20)
            control.stop(Path(folder))
    return [
        Row("broker, start to first metadata", median(starts), "s", note="bar: 0.3 s"),
        Row("broker, idle memory", median(sizes), "MiB", note="bar: 60 MiB"),
    ]
