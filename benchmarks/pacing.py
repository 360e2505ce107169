"""How late events are at a consumer in another process, beside a bare loop that sleeps and sends.

    python -m benchmarks.pacing

Both send the same night in real time by absolute deadlines, at several rates. A listener notes when
it gets each event; its clock and the player's are one (CLOCK_MONOTONIC). The first two seconds, in
which the listener finds the topic, do not count.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from statistics import quantiles

from confluent_kafka import Producer, TopicPartition

from benchmarks.scene import DUSK, publish_night, scratch_log
from benchmarks.table import Row
from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.replay.event_time import first_long
from infra.replay.player import Player
from infra.replay.request import Request
from infra.signals import stopping
from infra.windows import offsets
from schemas.topics import OBSERVATORY

RATES = {1_000: "p50 ≤ 0.3, p99 ≤ 2 ms", 5_000: "p50 ≤ 0.3, p99 ≤ 2 ms", 50_000: "p50 ≤ 1.5 ms"}
"""Events a second, and the bar."""
WARM_UP_S = 2
Noted = list[tuple[int, float]]


def rows(quick: bool = False) -> list[Row]:
    """Return p50, p99 and the maximum of the lateness at the consumer, in ms, for each rate."""
    return [row for rate in RATES for row in _rows_at(rate, quick)]


def _rows_at(rate: int, quick: bool) -> list[Row]:
    seconds = 3 if quick else 20 if rate < 10_000 else 8
    events = (WARM_UP_S + seconds) * rate
    with scratch_log() as cluster:
        publish_night(cluster, events, rate)
        bare = _lateness(cluster, "bare.", events, _sleep_and_send)
        ours = _lateness(cluster, "replay.paced.", events, _replay)
    note = f"{events:,} events at {rate:,}/s; bar: {RATES[rate]}"
    return [
        Row(f"replay, lateness at the consumer, {name}", mine, "ms", theirs, mine / theirs, note)
        for name, mine, theirs in zip(("p50", "p99", "max"), ours, bare, strict=True)
    ]


def _lateness(
    cluster: Cluster, namespace: str, events: int, play: Callable[[Cluster, str], float]
) -> tuple[float, float, float]:
    """Return p50, p99 and maximum in ms; `play` returns when the first event was due."""
    with _listening(cluster, OBSERVATORY.full_name(namespace), events) as listener:
        began = play(cluster, namespace)
        noted: Noted = listener.recv()
    late = [
        (got - began) * 1e3 - (happened - DUSK) / 1e3
        for happened, got in noted
        if happened >= DUSK + WARM_UP_S * 1_000_000
    ]
    cuts = quantiles(late, n=100)
    return cuts[49], cuts[98], max(late)


@contextmanager
def _listening(cluster: Cluster, topic: str, events: int) -> Iterator[Connection]:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_listen, args=(cluster, topic, events, theirs))
    process.start()
    ours.recv()  # it has connected
    try:
        yield ours
    finally:
        process.terminate()
        process.join()


def _listen(cluster: Cluster, topic: str, events: int, report: Connection) -> None:
    """Note when each event of a topic comes, from the moment on that there is such a topic."""
    consumer = cluster.consumer()
    report.send(reading.span(consumer, cluster, (OBSERVATORY.name, 0)))
    while topic not in topics.existing(cluster):
        time.sleep(0.02)
    consumer.assign([TopicPartition(topic, 0, 0)])
    noted: Noted = []
    while len(noted) < events:
        message = consumer.poll(1.0)
        now = time.monotonic()
        if message is not None and message.error() is None:
            noted.append((first_long(message.value() or b""), now))
    report.send(noted)


def _replay(cluster: Cluster, namespace: str) -> float:
    window = offsets(cluster, OBSERVATORY, None, None)
    with stopping() as stop:
        player = Player(cluster, Request([window], 1.0, namespace.split(".")[1]), stop)
        print(player.run().sentence(), file=sys.stderr)
    return player.course.began


def _sleep_and_send(cluster: Cluster, namespace: str) -> float:
    """Send the same events with nothing but absolute deadlines, sleep and produce."""
    target = cluster.in_namespace(namespace)
    topics.ensure(target, [replace(OBSERVATORY, synced=False)])
    spans = {
        place: [span] for place, span in reading.whole(cluster, [(OBSERVATORY.name, 0)]).items()
    }
    messages = [m for batch in reading.messages(cluster, spans) for m in batch]
    producer: Producer = target.producer(linger_ms=0)
    topic, began = OBSERVATORY.full_name(namespace), time.monotonic()
    for message in messages:
        due = began + (first_long(message.value() or b"") - DUSK) / 1e6
        left = due - time.monotonic()
        if left > 0:
            time.sleep(left)
        producer.produce(topic, message.value(), message.key(), partition=0)
        producer.poll(0)
    producer.flush()
    return began
