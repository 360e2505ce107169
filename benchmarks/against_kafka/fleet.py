"""Many partitions and several consumers: 200 × 4 at 1,000 records/s, and what the broker takes."""

import time
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext, SpawnProcess

from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.against_kafka.servers import Server
from benchmarks.table import Row

_PARTITIONS, _CONSUMERS, _RATE = 200, 4, 1000


def rows(ours: Server, theirs: Server, quick: bool) -> list[Row]:
    """Return the broker's share of a core: every consumer reads every partition."""
    seconds = 3 if quick else 15
    mine, other = (_share(server, seconds) for server in (ours, theirs))
    what = f"{_PARTITIONS} partitions × {_CONSUMERS} consumers, broker's CPU"
    note = f"{_RATE:,} records/s, each read {_CONSUMERS} times; bar: 40 %"
    return [Row(what, mine * 100, "%", other * 100, mine / other, note)]


def _share(server: Server, seconds: int) -> float:
    topic = server.topic(_PARTITIONS)
    context = SpawnContext()
    listeners: list[tuple[Connection, SpawnProcess]] = []
    for _ in range(_CONSUMERS):
        here, there = context.Pipe()
        process = context.Process(target=listen, args=(server.client, topic, there))
        process.start()
        listeners.append((here, process))
    try:
        for here, _ in listeners:
            here.recv()  # it reads all partitions
        sent, share = _send(server, topic, seconds)
        for here, _ in listeners:
            here.send(sent)
        got = [here.recv() for here, _ in listeners]
    finally:
        for _, process in listeners:
            process.terminate()
            process.join()
        server.delete(topic)
    if got != [sent] * _CONSUMERS:
        raise RuntimeError(f"{server.name}: {sent} records were sent, the consumers got {got}")
    return share


def _send(server: Server, topic: str, seconds: int) -> tuple[int, float]:
    """Return how many records were sent, and the broker's share of a core after a warm-up."""
    producer = Producer({**server.client, "enable.idempotence": True, "linger.ms": 0})
    warm_up, count = _RATE, _RATE * (seconds + 1)
    began, cpu, since = time.monotonic(), 0.0, 0.0
    for n in range(count):
        left = began + n / _RATE - time.monotonic()
        if left > 0:
            time.sleep(left)
        if n == warm_up:
            cpu, since = server.cpu_s(), time.monotonic()
        producer.produce(topic, bytes(100), partition=n % _PARTITIONS)
        producer.poll(0)
    producer.flush()
    return count, (server.cpu_s() - cpu) / (time.monotonic() - since)


def listen(client: dict[str, str | int | float | bool], topic: str, report: Connection) -> None:
    """Read every partition until as many records have come as the sender says it sent."""
    options = {"group.id": "bench", "auto.offset.reset": "error", "enable.partition.eof": True}
    consumer = Consumer({**client, **options})
    consumer.assign([TopicPartition(topic, n, 0) for n in range(_PARTITIONS)])
    got = ends = 0
    wanted: int | None = None
    while wanted is None or got < wanted:
        for message in consumer.consume(100, 0.05):
            if message.error() is None:
                got += 1
            else:
                ends += 1
                if ends == _PARTITIONS:
                    report.send("reading")
        if wanted is None and report.poll():
            wanted = report.recv()
    report.send(got)
    consumer.close()
