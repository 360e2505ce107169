"""How soon a broker answers, and what it keeps in memory: idle, and after a gigabyte."""

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from benchmarks.against_kafka.servers import Server, embedded, kafka
from benchmarks.table import Row

_GIGABYTE, _RECORD = 10**9, 1000
Starter = Callable[[Path], AbstractContextManager[Server]]


def rows(quick: bool) -> list[Row]:
    """Return the time to the first metadata, s, and the resident memory, MiB."""
    size = _GIGABYTE // (10 if quick else 1)
    mine, other = (_measure(start, size, 1 if quick else 3) for start in (embedded, kafka))
    names = (
        ("start to first metadata", "s", "bar: 0.3 s"),
        ("memory, idle", "MiB", ""),
        (f"memory after {size / 1e9:g} GB in and out", "MiB", "bar: 80 MB, 76 MiB"),
    )
    return [
        Row(name, a, unit, b, a / b, note)
        for (name, unit, note), a, b in zip(names, mine, other, strict=True)
    ]


def _measure(start: Starter, size: int, rounds: int) -> tuple[float, float, float]:
    found = [_once(start, size if n == 0 else 0) for n in range(rounds)]
    starts, idle, after = zip(*found, strict=True)
    return median(starts), median(idle), after[0]


def _once(start: Starter, size: int) -> tuple[float, float, float]:
    with tempfile.TemporaryDirectory(prefix="evctl-bench-") as folder:
        begin = perf_counter()
        with start(Path(folder) / "log") as server:
            AdminClient(server.client).list_topics(timeout=30)
            started = perf_counter() - begin
            sleep(1)  # idle is what is measured
            idle = server.resident_mib()
            _through(server, size // _RECORD)
            return started, idle, server.resident_mib()


def _through(server: Server, count: int) -> None:
    """Send records through the broker, and read them back."""
    if not count:
        return
    topic, value = server.topic(), bytes(_RECORD)
    producer = Producer({**server.client, "enable.idempotence": True, "linger.ms": 5})
    for _ in range(count):
        while True:
            try:
                producer.produce(topic, value, partition=0)
                break
            except BufferError:
                producer.poll(0.01)
    producer.flush()
    consumer = Consumer({**server.client, "group.id": "bench", "fetch.queue.backoff.ms": 10})
    consumer.assign([TopicPartition(topic, 0, 0)])
    got = 0
    while got < count:
        got += len(consumer.consume(10_000, 1.0))
    consumer.close()
