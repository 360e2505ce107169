"""The two logs under measurement, each a process of its own, seen by the same clients."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psutil
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from infra.broker import control
from infra.kafka import Cluster, Heap

UNSYNCED = {"flush.messages": str(2**63 - 1), "flush.ms": str(2**63 - 1)}
SYNCED = {"flush.messages": "1"}
_NUMBERS = count()
_QUIET = {"log_level": 3}  # librdkafka logs what its own coming and going is
_HEAP = Heap(1024, 1024, ("-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"))
_AS_DELIVERED = {
    "num.network.threads": "3",
    "num.io.threads": "8",
    "log.retention.check.interval.ms": "300000",
    "log.cleaner.backoff.ms": "15000",
    "log.cleaner.dedupe.buffer.size": str(128 << 20),
    "log.segment.delete.delay.ms": "1000",  # 60 s as delivered: its pages would not be free again
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "10000",
    "offsets.retention.check.interval.ms": "600000",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A running broker: what connects a client, and the process whose time and memory count."""

    name: str
    client: dict[str, str | int | float | bool]
    pid: int

    def topic(self, partitions: int = 1, settings: dict[str, str] | None = None) -> str:
        """Create a topic that is not synced, if `settings` do not say otherwise."""
        name = f"bench-{next(_NUMBERS)}"
        config = {"max.message.bytes": "10000000", **(settings or UNSYNCED)}
        admin = AdminClient(self.client)
        admin.create_topics([NewTopic(name, partitions, 1, config=config)])[name].result(30)
        return name

    def delete(self, topic: str) -> None:
        """Delete a topic, so that the disk does not fill."""
        admin = AdminClient(self.client)  # kept: a temporary one ends before its answer comes
        admin.delete_topics([topic])[topic].result(30)

    def cpu_s(self) -> float:
        """Return the processor time that the broker has used until now, s."""
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)

    def kernel_s(self) -> float:
        """Return what of it the kernel used for the broker's calls, s."""
        return float(psutil.Process(self.pid).cpu_times().system)

    def resident_mib(self) -> float:
        """Return the broker's resident memory, MiB."""
        return float(psutil.Process(self.pid).memory_info().rss / 2**20)


@contextmanager
def embedded(folder: Path) -> Iterator[Server]:
    """Run the embedded broker."""
    endpoint = control.start(folder)
    try:
        yield Server("embedded", {**endpoint.client_config(), **_QUIET}, endpoint.pid)
    finally:
        control.stop(folder)


@contextmanager
def kafka(folder: Path) -> Iterator[Server]:
    """Run a single node of Apache Kafka, with the heap and threads that its own scripts give."""
    folder.mkdir()
    with Cluster(folder, options=_AS_DELIVERED, heap=_HEAP) as cluster:
        yield Server("Apache Kafka", {**cluster.client_config(), **_QUIET}, cluster.nodes[0].pid)
