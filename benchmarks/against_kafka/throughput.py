"""Produce and consume at full speed: records a second, and what of it is the broker's time."""

import mmap
from statistics import median
from time import perf_counter
from typing import NamedTuple

from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.against_kafka.servers import Server
from benchmarks.table import Row

_SIZES = {100: 2_000_000, 1_000: 600_000, 100_000: 6_000}
"""Bytes a record, and how many records a run has."""
_BARE = {
    (100, "none"): (1_255_000, 2_073_000),
    (100, "lz4"): (1_262_000, 2_252_000),
    (1_000, "none"): (745_000, 1_404_000),
    (1_000, "lz4"): (650_000, 1_423_000),
    (100_000, "none"): (24_600, 19_700),
    (100_000, "lz4"): (10_500, 26_300),
}
"""Records a second of a broker that only appends and sends, measured once on a like machine."""
_DIFFERENT = 64  # payloads, so that a codec finds no more repetition than telemetry has


class _Run(NamedTuple):
    """Records a second; of the broker's processor, and of that in the kernel, s for a million."""

    rate: float
    cpu: float
    kernel: float


def rows(ours: Server, theirs: Server, quick: bool) -> list[Row]:
    """Return rates and the broker's time, for each size and codec, in both directions."""
    found = []
    for size, number in _SIZES.items():
        for codec in ("none", "lz4"):
            count = number // 10 if quick else number
            found += _compare(ours, theirs, size, codec, count, rounds=1 if quick else 5)
    return found


def _compare(
    ours: Server, theirs: Server, size: int, codec: str, count: int, rounds: int
) -> list[Row]:
    runs: dict[tuple[str, str], list[_Run]] = {}
    values = _payloads(size)
    for _ in range(rounds):
        for server in (ours, theirs):
            _touch_memory(3 * size * count)
            topic = server.topic()
            for way, run in (
                ("produce", _produce(server, topic, values, codec, count)),
                ("consume", _consume(server, topic, count)),
            ):
                runs.setdefault((way, server.name), []).append(run)
            server.delete(topic)
    found = []
    for way in ("produce", "consume"):
        mine, other = (runs[way, server.name] for server in (ours, theirs))
        what, small = f"{way}, {_bytes(size)}, {codec}", size <= 1000 and codec == "none"
        rate, beside = _medians(mine, other, "rate")
        bare = _BARE[size, codec][way == "consume"]
        note = f"{count:,} records; bare broker {bare:,}/s" + ("; bar: 0.95" if small else "")
        found.append(Row(what, rate, "records/s", beside, rate / beside, note))
        for part, cpu, beside, note in (
            ("broker's CPU", *_medians(mine, other, "cpu"), "bar: 0.5" if small else ""),
            ("of it in the kernel", *_medians(mine, other, "kernel"), "what its calls take"),
        ):
            ratio = cpu / beside if beside else None  # a short run may take no tick of the clock
            found.append(Row(f"{what}, {part}", cpu, "s/million", beside, ratio, note))
    return found


def _medians(mine: list[_Run], other: list[_Run], field: str) -> tuple[float, float]:
    return (
        median(getattr(run, field) for run in mine),
        median(getattr(run, field) for run in other),
    )


def _touch_memory(size: int) -> None:
    """Let what a run writes find pages that were used before.

    A page that a virtual machine has never used comes from its host, which takes four times as
    long as to fill it, and counts as the time of whoever writes.
    """
    with mmap.mmap(-1, size) as pages:
        pages[:: mmap.PAGESIZE] = bytes(len(range(0, size, mmap.PAGESIZE)))


def _bytes(size: int) -> str:
    return f"{size} B" if size < 1000 else f"{size // 1000} kB"


def _payloads(size: int) -> list[bytes]:
    """Return different texts of readings: digits compress as telemetry does, to about a third."""
    texts = []
    for n in range(_DIFFERENT):
        numbers = (f"{(n * 7919 + k * 104_729) % 1_000_003 / 997:.6f}" for k in range(size // 4))
        texts.append(",".join(numbers).encode()[:size])
    return texts


def _produce(server: Server, topic: str, values: list[bytes], codec: str, count: int) -> _Run:
    producer = Producer(
        {
            **server.client,
            "enable.idempotence": True,
            "linger.ms": 5,
            "compression.type": codec,
            "queue.buffering.max.messages": 1_000_000,
            "queue.buffering.max.kbytes": 512 * 1024,
            "message.max.bytes": 10_000_000,
        }
    )
    producer.produce(topic, values[0], partition=0)
    producer.flush(30)  # connected, and numbered: an idempotent producer asks for its id first
    cpu, kernel, begin = server.cpu_s(), server.kernel_s(), perf_counter()
    send, poll = producer.produce, producer.poll
    for n in range(count):
        while True:
            try:
                send(topic, values[n % _DIFFERENT], partition=0)
                break
            except BufferError:
                poll(0.01)
    left = producer.flush(120)
    seconds, cpu = perf_counter() - begin, server.cpu_s() - cpu
    kernel = server.kernel_s() - kernel
    if left:
        raise RuntimeError(f"{left} of {count} records were not acknowledged by {server.name}")
    return _Run(count / seconds, cpu / count * 1e6, kernel / count * 1e6)


def _consume(server: Server, topic: str, count: int) -> _Run:
    consumer = Consumer(
        {
            **server.client,
            "group.id": "bench",
            "enable.auto.commit": False,
            "fetch.queue.backoff.ms": 10,
            "queued.min.messages": 1_000_000,
            "auto.offset.reset": "error",
        }
    )
    consumer.list_topics(topic, timeout=30)  # connected
    cpu, kernel, begin, got = server.cpu_s(), server.kernel_s(), perf_counter(), 0
    consumer.assign([TopicPartition(topic, 0, 0)])
    while got < count:
        got += len(consumer.consume(min(10_000, count - got), 1.0))
    seconds, cpu = perf_counter() - begin, server.cpu_s() - cpu
    kernel = server.kernel_s() - kernel
    consumer.close()
    return _Run(count / seconds, cpu / count * 1e6, kernel / count * 1e6)
