"""What every benchmark needs: a log of its own in a temporary directory, and typical events."""

import gc
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from infra.broker import control
from infra.log import topics
from infra.log.cluster import Cluster, connect
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.settings import Settings, load
from schemas.events.tcs import TcsEvent
from schemas.topics import OBSERVATORY, Topic

DUSK = 1_763_604_000_000_000
"""Event time of the first event, µs UTC."""


@contextmanager
def scene() -> Iterator[Settings]:
    """Yield settings of an empty site with a running embedded log, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="evctl-bench-") as folder:
        site = load(
            None, None, {"log.data_dir": str(Path(folder) / "log")}, {}, Path(folder)
        ).settings
        control.start(site.log.data_dir)
        try:
            yield site
        finally:
            control.stop(site.log.data_dir)


@contextmanager
def site_and_log() -> Iterator[tuple[Path, Cluster]]:
    """Yield a site's file, for processes of evctl, and its running log; removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="evctl-bench-") as folder:
        file = Path(folder) / "site.yaml"
        file.write_text(
            f"log: {{data_dir: {folder}/log}}\ndatabase: {{url: 'sqlite:///{folder}/t.sqlite'}}\n",
            encoding="utf-8",
        )
        site = load(file, None, {}, {}, Path(folder)).settings
        control.start(site.log.data_dir)
        try:
            yield file, connect(site)
        finally:
            control.stop(site.log.data_dir)


def events(count: int, rate: float = 1000.0) -> list[TcsEvent]:
    """Return `count` events of four values, about 140 bytes each on the wire, `rate` a second."""
    step = round(1e6 / rate)
    return [_event(n, DUSK + n * step) for n in range(count)]


def _event(n: int, time: int) -> TcsEvent:
    return TcsEvent(
        data_time=time,
        wire_time=time + 900,
        system="pas",
        source=f"Guider{n % 2 + 1}",
        key="metrology_data",
        more_data=False,
        values={
            "image_quality": 1.2 + n % 97 / 100,
            "transparency": 0.8 + n % 13 / 100,
            "photometry.fixed_mag": 17.25 + n % 31 / 10,
            "frame": n,
        },
        original_text={},
    )


def publish_night(cluster: Cluster, count: int, per_second: float) -> None:
    """Publish `count` events to `observatory`."""
    publisher = Publisher(cluster, Registry(cluster), OBSERVATORY, "bench", linger_ms=20)
    for event in events(count, per_second):
        publisher.publish(event)
    publisher.flush()


@contextmanager
def scratch_log() -> Iterator[Cluster]:
    """Yield an empty embedded log, removed afterwards."""
    with scene() as site:
        yield connect(site)


def fresh(site: Settings, name: str, wanted: Sequence[Topic]) -> Cluster:
    """Return the log with a new namespace in which the topics are there and empty."""
    cluster = connect(site).in_namespace(f"{name}.")
    topics.ensure(cluster, wanted)
    return cluster


def rate(count: int, work: Callable[[], Any]) -> float:
    """Return how many of `count` things a second `work` did, the collector's pauses left out."""
    gc.collect()
    gc.disable()
    try:
        begin = perf_counter()
        work()
        return count / (perf_counter() - begin)
    finally:
        gc.enable()


def pairs(
    rounds: int, ours: Callable[[int], float], bare: Callable[[int], float]
) -> tuple[float, float]:
    """Return the medians of alternating runs: each function gets the round's number."""
    mine, others = [], []
    for number in range(rounds):
        mine.append(ours(number))
        others.append(bare(number))
    return median(mine), median(others)
