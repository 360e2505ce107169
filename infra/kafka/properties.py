"""How a node is set: all on 127.0.0.1, small, and quick to react, so that tests need not wait."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LARGEST_RECORD = 32 << 20
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a node listens: for clients, and for the other controllers."""

    clients: int
    controller: int


def of_node(
    node_id: int, ports: Mapping[int, Ports], directory: Path, options: Mapping[str, str]
) -> str:
    """Return the properties file of one of the nodes that `ports` lists; `options` go above."""
    own = ports[node_id]
    voters = ",".join(f"{i}@{HOST}:{p.controller}" for i, p in ports.items())
    place = {
        "node.id": str(node_id),
        "process.roles": "broker,controller",
        "controller.quorum.voters": voters,
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listeners": f"PLAINTEXT://{HOST}:{own.clients},CONTROLLER://{HOST}:{own.controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{own.clients}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": str(directory),
    }
    chosen = place | _replicas(len(ports)) | _SMALL | _QUICK | dict(options)
    return "".join(f"{name}={value}\n" for name, value in chosen.items())


def _replicas(nodes: int) -> dict[str, str]:
    replicas, in_sync = (3, 2) if nodes >= 3 else (1, 1)
    return {
        "default.replication.factor": str(replicas),
        "min.insync.replicas": str(in_sync),
        "offsets.topic.replication.factor": str(replicas),
        "transaction.state.log.replication.factor": str(replicas),
        "transaction.state.log.min.isr": str(in_sync),
        "share.coordinator.state.topic.replication.factor": str(replicas),
        "share.coordinator.state.topic.min.isr": str(in_sync),
    }


_SMALL = {
    "auto.create.topics.enable": "false",
    "num.partitions": "1",
    "num.network.threads": "2",
    "num.io.threads": "2",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "1",
    "log.cleaner.dedupe.buffer.size": str(16 << 20),
    "replica.fetch.max.bytes": str(LARGEST_RECORD),
    "socket.request.max.bytes": str(100 << 20),
}
_QUICK = {
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "100",
    "log.retention.check.interval.ms": "200",
    "log.cleaner.backoff.ms": "100",
    "log.segment.delete.delay.ms": "0",
    "log.initial.task.delay.ms": "100",
    "controlled.shutdown.retry.backoff.ms": "100",
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "5000",
    "replica.lag.time.max.ms": "5000",
    "initial.broker.registration.timeout.ms": "30000",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "200",
    "offsets.retention.check.interval.ms": "1000",
}
