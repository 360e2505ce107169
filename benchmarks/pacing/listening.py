"""A listener in another process, which notes when it gets each event of a replay.

Its clock and the player's are one (CLOCK_MONOTONIC).
"""

import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from statistics import median, quantiles
from typing import NamedTuple

from confluent_kafka import TopicPartition

from benchmarks.pacing.night import PLACES, TOPICS, Night, due
from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.replay.event_time import first_long

Play = Callable[[Night, str], float]
"""Plays a night into the namespace `replay.ID.`; returns when its first event was due."""


class Late(NamedTuple):
    """How late events were at the consumer, ms; `drift` is the end's median less the begin's."""

    p50: float
    p99: float
    most: float
    drift: float


def lateness(
    night: Night, replay: str, play: Play, warm_up: float, end_s: float | None = None
) -> Late:
    """Return how late a player's events come, without those of the first `warm_up` s.

    Drift is told from the first `end_s` that count to the last; none: a fifth of the night.
    """
    with _listening(night, f"replay.{replay}.") as listener:
        began = play(night, replay)
        happened, got = listener.recv()
    _clear(night.cluster, replay)
    noted = [(due(t), (g - began - due(t)) * 1e3) for t, g in zip(happened, got, strict=True)]
    noted = sorted(one for one in noted if one[0] >= warm_up)
    late = [one[1] for one in noted]
    cuts = quantiles(late, n=100)
    part = end_s or (night.seconds - warm_up) / 5
    drift = _median(noted, noted[-1][0] - part, noted[-1][0]) - _median(
        noted, warm_up, warm_up + part
    )
    return Late(cuts[49], cuts[98], max(late), drift)


def _median(noted: Sequence[tuple[float, float]], first: float, last: float) -> float:
    return median(late for at, late in noted if first <= at <= last)


def _clear(cluster: Cluster, replay: str) -> None:
    """Remove a replay's topics, so that the disk does not fill."""
    prefix = f"replay.{replay}."
    topics.delete(cluster, [name for name in topics.existing(cluster) if name.startswith(prefix)])


@contextmanager
def _listening(night: Night, namespace: str) -> Iterator[Connection]:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=listen, args=(night.cluster, namespace, night.events, theirs))
    process.start()
    ours.recv()  # it has connected
    try:
        yield ours
    finally:
        process.terminate()
        process.join()


def listen(cluster: Cluster, namespace: str, events: int, report: Connection) -> None:
    """Note when each event comes, from the moment on that there are such topics."""
    consumer = cluster.consumer()
    report.send(reading.span(consumer, cluster, PLACES[0]))
    wanted = {topic.full_name(namespace) for topic in TOPICS}
    while not wanted <= set(topics.existing(cluster)):
        time.sleep(0.02)
    consumer.assign([TopicPartition(f"{namespace}{name}", n, 0) for name, n in PLACES])
    happened, got = array("q"), array("d")
    while len(got) < events:
        messages = reading.consume(consumer, 1000, 1.0)
        now = time.monotonic()
        for message in messages:
            if message.error() is None:
                happened.append(first_long(message.value() or b""))
                got.append(now)
    report.send((happened, got))
    consumer.close()
