"""How long the orchestrator takes from an event to the decision about it, through the log.

python -m benchmarks latency

A thousand events a second, one in ten a heartbeat, which is decided about last of all that came
before it. Measured is from the call that publishes it to the answer at a consumer; beside it the
same for a bare echo that answers each heartbeat with a record, by the same clients.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from statistics import quantiles
from time import perf_counter, sleep
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from benchmarks.scene import site_and_log
from benchmarks.table import Row
from infra.clock import fresh_id
from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.simulating.companion import Companion
from schemas import utc
from schemas.events.tcs import TcsEvent
from schemas.record import Provenance
from schemas.topics import OBSERVATORY
from schemas.utc import MICROS

BESIDE = "bare echo"
RATE = 1000
HEARTBEATS = 10
START = utc.parse("2019-03-07T07:00:00Z")
_VALUES = {"image_quality": 1.5, "transparency": 0.8, "photometry.fixed_skymag": 21.0, "x": 1.0}
_OTHERS = ("tcs.root.ra_dec", "pas.Guider1.metrology_data", "legacy.weather.conditions")


def rows(quick: bool = False) -> list[Row]:
    """Return the median and the 99th percentile, unsynced and synced."""
    seconds = 5 if quick else 20
    return [row for synced in (False, True) for row in _measured(seconds, synced=synced)]


def _measured(seconds: int, *, synced: bool) -> list[Row]:
    with site_and_log() as (file, cluster):
        ours = cluster.in_namespace("sim.ours.")
        bare = cluster.in_namespace("sim.bare.")
        for each in (ours, bare):
            topics.ensure(each, [replace(OBSERVATORY, synced=synced)])
        companion = Companion(["--site-file", str(file)], ours.namespace)
        try:
            _until_it_decides(ours, companion)
            _round(ours, 2)  # until it has joined its group, and everything is warm
            mine = _round(ours, seconds)
        finally:
            companion.end()
        with _echoing(bare):
            _round(bare, 2)
            other = _round(bare, seconds)
    how = "synced before the ack" if synced else "unsynced"
    note = f"{RATE:,} events/s, {len(mine[2]):,} decisions, {how}"
    bars = ("; bar: 2 ms", "; bar: 10 ms") if not synced else ("", "")
    return [
        Row("event to decision, p50", mine[0], "ms", other[0], mine[0] / other[0], note + bars[0]),
        Row("event to decision, p99", mine[1], "ms", other[1], mine[1] / other[1], how + bars[1]),
    ]


class _Answers(threading.Thread):
    """Takes the time of every record that answers a heartbeat, by the id of its cause."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(daemon=True)
        self.at: dict[bytes, float] = {}
        self.over = threading.Event()
        self._consumer = _from_the_end(cluster)

    def run(self) -> None:
        """Consume until it is over."""
        while not self.over.is_set():
            for message in reading.consume(self._consumer, 1000, 0.05):
                headers = dict(message.headers() or ())
                cause = headers.get("cause")
                if isinstance(cause, bytes):
                    self.at[cause] = perf_counter()
        self._consumer.close()


def _from_the_end(cluster: Cluster) -> Consumer:
    place = OBSERVATORY.full_name(cluster.namespace), 0
    consumer = cluster.consumer()
    (_, end) = consumer.get_watermark_offsets(TopicPartition(*place), timeout=10)
    consumer.assign([TopicPartition(*place, end)])
    return consumer


def _round(cluster: Cluster, seconds: int) -> tuple[float, float, list[float]]:
    """Return median and 99th percentile in ms, and all of them."""
    answers = _Answers(cluster)
    answers.start()
    publisher = Publisher(
        cluster, Registry(cluster), OBSERVATORY, f"bench-{fresh_id()}", linger_ms=0
    )
    sent: dict[bytes, float] = {}
    begin = perf_counter()
    for number in range(seconds * RATE):
        due = begin + number / RATE
        while (left := due - perf_counter()) > 0:
            sleep(left)
        beat = number % HEARTBEATS == 0
        event = _event(number, "tcs.receiver.heartbeat" if beat else _OTHERS[number % 3])
        if beat:
            sent[Provenance(publisher.source, number).id_bytes] = perf_counter()
        publisher.publish(event, seq=number)
        publisher.producer.serve()
    publisher.flush()
    _until(lambda: sent.keys() <= answers.at.keys())  # others than heartbeats are answered, too
    answers.over.set()
    answers.join()
    took = sorted((answers.at[cause] - at) * 1000 for cause, at in sent.items())
    cuts = quantiles(took, n=100)
    return cuts[49], cuts[98], took


def _event(number: int, topic: str) -> TcsEvent:
    system, source, key = topic.split(".")
    time = START + number * MICROS // RATE
    return TcsEvent(time, time, system, source, key, False, _VALUES, {})


def _until_it_decides(cluster: Cluster, companion: Companion) -> None:
    """Wait until the orchestrator has taken over, and said so behind all that it adopted."""
    place = OBSERVATORY.full_name(cluster.namespace), 0

    def begun() -> bool:
        companion.check()
        return reading.whole(cluster, [place])[place][1] >= 3

    _until(begun)


def _until(happened: Callable[[], bool]) -> None:
    deadline = perf_counter() + 60
    while not happened():
        if perf_counter() > deadline:
            raise TimeoutError("the answers did not come")
        sleep(0.05)


@contextmanager
def _echoing(cluster: Cluster) -> Iterator[None]:
    context = get_context("spawn")
    ready, over = context.Event(), context.Event()
    process = context.Process(target=_echo, args=(cluster, ready, over), daemon=True)
    process.start()
    ready.wait(60)
    try:
        yield
    finally:
        over.set()
        process.join()


def _echo(cluster: Cluster, ready: Event, over: Event) -> None:
    """Answer each heartbeat with a record that names its cause, until it is over."""
    consumer, producer = _from_the_end(cluster), cluster.producer(linger_ms=0)
    name = OBSERVATORY.full_name(cluster.namespace)
    ready.set()
    while not over.is_set():
        for message in reading.consume(consumer, 1000, 0.1):
            if message.key() == b"tcs.receiver.heartbeat":
                said: Any = dict(message.headers() or ())
                source, _, seq = said["src"].rpartition(b":")
                cause = Provenance(source.decode(), int(seq)).id_bytes
                producer.produce(name, message.value(), headers=[("cause", cause)])
        producer.poll(0)
    producer.flush()
    consumer.close()
