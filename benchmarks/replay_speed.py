"""Replay at full speed, beside a bare loop that consumes and produces and copies headers.

python -m benchmarks replay_speed
"""

from collections.abc import Callable
from dataclasses import replace
from statistics import median
from time import perf_counter
from typing import Any

from confluent_kafka import TopicPartition

from benchmarks.scene import publish_night, scratch_log
from benchmarks.table import Row, against
from infra.log import topics
from infra.log.cluster import Cluster
from infra.log.reading import consume
from infra.replay.pacing import AS_FAST_AS_POSSIBLE
from infra.replay.player import Player
from infra.replay.request import Request
from infra.signals import stopping
from infra.windows import offsets
from schemas.topics import OBSERVATORY


def rows(quick: bool = False) -> list[Row]:
    """Return the rates of both, medians of alternating runs, for all and for a night of the log."""
    events, runs = (100_000, 1) if quick else (500_000, 5)
    with scratch_log() as cluster:
        publish_night(cluster, events, 1000.0)
        ours, filtered, bare = [], [], []
        for run in range(runs):
            bare.append(events / _seconds(bare_copy, cluster, events, f"bare{run}"))
            ours.append(events / _seconds(replay_copy, cluster, f"whole{run}", False))
            filtered.append(events / _seconds(replay_copy, cluster, f"night{run}", True))
    note = f"{events:,} events of 140 bytes; bar: 0.6"
    return [
        against("replay --all --speed max", median(ours), median(bare), "events/s", note),
        against("replay --from … --speed max", median(filtered), median(bare), "events/s", note),
    ]


def _seconds(play: Callable[..., None], *arguments: Any) -> float:
    began = perf_counter()
    play(*arguments)
    return perf_counter() - began


def replay_copy(cluster: Cluster, replay: str, bounded: bool) -> None:
    """Replay all of the log at full speed; `bounded`: as a window of event time."""
    window = offsets(cluster, OBSERVATORY, None, None)
    if bounded:
        window = replace(window, start=0, end=2**62)
    with stopping() as stop:
        Player(cluster, Request([window], AS_FAST_AS_POSSIBLE, replay), stop).run()


def bare_copy(cluster: Cluster, events: int, name: str) -> None:
    """Read all and write it to another topic, with nothing of ours in the loop."""
    target = OBSERVATORY.full_name(f"{name}.")
    topics.ensure(cluster.in_namespace(f"{name}."), [replace(OBSERVATORY, synced=False)])
    consumer, producer = cluster.consumer(), cluster.producer(linger_ms=20)
    consumer.assign([TopicPartition(OBSERVATORY.name, 0, 0)])
    produce, done = producer.produce, 0
    while done < events:
        for message in consume(consumer, 5000, 1.0):
            while True:
                try:
                    produce(
                        target,
                        message.value(),
                        message.key(),
                        message.partition(),
                        None,
                        None,
                        message.timestamp()[1],
                        list(message.headers() or ()),
                    )
                    break
                except BufferError:
                    producer.poll(0.05)
            done += 1
        producer.poll(0)
    producer.flush()
    consumer.close()
