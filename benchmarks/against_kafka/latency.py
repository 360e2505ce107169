"""From a producer to a consumer in another process, at 1,000 records/s, one record a batch."""

import os
import time
from contextlib import closing
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median, quantiles
from tempfile import NamedTemporaryFile

from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.against_kafka.servers import SYNCED, UNSYNCED, Server
from benchmarks.table import Row
from infra.broker.storage.files import sync_data

RATE = 1000
_WARM_UP = 1000
_SIZE = 100


def rows(ours: Server, theirs: Server, quick: bool) -> list[Row]:
    """Return p50 and p99 in ms, not synced and synced, and the disk's own time to sync."""
    seconds, rounds = (2, 1) if quick else (6, 5)
    disk = _disk_ms(Path.cwd())
    found = []
    for kind, settings, bar in (
        ("", UNSYNCED, "0.2 ms"),
        (", synced", SYNCED, f"{disk + 0.5:.2f} ms"),
    ):
        pairs: dict[str, list[tuple[float, float]]] = {}
        for _ in range(rounds):
            for server in (ours, theirs):
                pairs.setdefault(server.name, []).append(_measure(server, settings, seconds))
        for place, name in enumerate(("p50", "p99")):
            mine, other = (
                median(pair[place] for pair in pairs[server.name]) for server in (ours, theirs)
            )
            note = f"1,000 records/s of {_SIZE} B" + (f"; bar: {bar}" if name == "p50" else "")
            what = f"latency{kind}, {name}"
            found.append(Row(what, mine, "ms", other, mine / other, note))
    found.append(Row("the disk's own fdatasync of 4 kB, p50", disk, "ms"))
    return found


def _disk_ms(folder: Path) -> float:
    """Return the median time that the disk takes to sync 4 kB appended, ms."""
    taken = []
    with NamedTemporaryFile(dir=folder) as file:
        for _ in range(300):
            os.write(file.fileno(), bytes(4096))
            begin = time.perf_counter()
            sync_data(file.fileno())
            taken.append((time.perf_counter() - begin) * 1e3)
    return median(taken)


def _measure(server: Server, settings: dict[str, str], seconds: int) -> tuple[float, float]:
    topic, count = server.topic(settings=settings), _WARM_UP + seconds * RATE
    context = get_context("spawn")
    ours, others = context.Pipe()
    process = context.Process(target=send, args=(server.client, topic, count, others))
    process.start()
    try:
        late = _listen(server, topic, count, ours)
    finally:
        process.join()
        server.delete(topic)
    cuts = quantiles(late[_WARM_UP:], n=100)
    return cuts[49], cuts[98]


def _listen(server: Server, topic: str, count: int, sender: Connection) -> list[float]:
    """Return how long each record took, ms; both processes read CLOCK_MONOTONIC."""
    options = {"group.id": "bench", "auto.offset.reset": "error", "fetch.wait.max.ms": 500}
    consumer = Consumer({**server.client, **options})
    late: list[float] = []
    with closing(consumer):
        consumer.assign([TopicPartition(topic, 0, 0)])
        sender.recv()  # it has connected
        sender.send("go")
        while len(late) < count:
            message = consumer.poll(30)
            now = time.monotonic_ns()
            if message is None or message.error() is not None:
                raise RuntimeError(f"{server.name} gave {len(late)} of {count} records")
            late.append((now - int((message.value() or b"").split(b" ", 1)[0])) / 1e6)
    return late


def send(
    client: dict[str, str | int | float | bool], topic: str, count: int, report: Connection
) -> None:
    """Send records that say when they were sent, by absolute deadlines."""
    producer = Producer({**client, "enable.idempotence": True, "linger.ms": 0})
    producer.list_topics(topic, timeout=30)
    report.send("connected")
    report.recv()
    began = time.monotonic()
    for n in range(count):
        left = began + n / RATE - time.monotonic()
        if left > 0:
            time.sleep(left)
        text = b"%d " % time.monotonic_ns()
        producer.produce(topic, text + bytes(_SIZE - len(text)), partition=0)
        producer.poll(0)
    producer.flush()
