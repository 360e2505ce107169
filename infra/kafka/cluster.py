"""A cluster of one node or several, in a directory of its own."""

import base64
import os
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from infra.clock import fresh_id
from infra.kafka import properties
from infra.kafka.errors import KafkaNotStarted
from infra.kafka.installing import install
from infra.kafka.java import SMALL_NODE, Heap
from infra.kafka.node import Node, free_port
from infra.kafka.properties import HOST, Ports

START_TIMEOUT_S = 120.0
_POLL_S = 0.1
_THIS_PROCESS = os.getpid()
_ATTEMPTS = 3  # another program may take a port between the choice and the start


class Cluster:
    """Kafka on free ports of 127.0.0.1; `options` are properties of each node, above our own.

    A directory holds one cluster; its records are there again after `stop` and `start`. The nodes
    end with the process `starter`, however that ends; null means they stay until stopped.
    """

    def __init__(
        self,
        directory: Path,
        nodes: int = 1,
        options: Mapping[str, str] | None = None,
        heap: Heap = SMALL_NODE,
        starter: int | None = _THIS_PROCESS,
    ) -> None:
        self.directory = directory
        self._options = dict(options or {})
        self._size = nodes
        self._heap = heap
        self._starter = starter
        self._ports: dict[int, Ports] = {}
        self.nodes: list[Node] = []

    @property
    def bootstrap_servers(self) -> str:
        """Hosts and ports as Kafka's clients take them."""
        return ",".join(f"{HOST}:{ports.clients}" for ports in self._ports.values())

    def client_config(self) -> dict[str, str]:
        """Return the librdkafka properties that connect a client."""
        return {"bootstrap.servers": self.bootstrap_servers}

    def start(self) -> None:
        """Start all nodes, and return when clients see all of them.

        Raises `KafkaMissing`, or `KafkaNotStarted` with the end of the node's log.
        """
        attempts = 1 if self._ports else _ATTEMPTS
        for attempt in range(attempts):
            try:
                self._start()
            except KafkaNotStarted as failed:
                self.stop()
                if attempt + 1 == attempts or "Address already in use" not in str(failed):
                    raise
                self._ports = {}
            except BaseException:
                self.stop()
                raise
            else:
                return

    def _start(self) -> None:
        if not self._ports:
            self._make()
        for node in self.nodes:
            node.start(self._starter)
        self.wait_until_complete()

    def _make(self) -> None:
        """Choose ports, write the properties and format the storage of all nodes."""
        libs = install()
        numbers = range(1, self._size + 1)
        self._ports = {number: Ports(free_port(), free_port()) for number in numbers}
        place = self.directory / fresh_id()[:8]
        self.nodes = []
        for number in numbers:
            node = Node(place / f"node-{number}", libs, self._heap)
            node.directory.mkdir(parents=True)
            data = node.directory / "data"
            node.properties.write_text(properties.of_node(number, self._ports, data, self._options))
            self.nodes.append(node)
        cluster_id = base64.urlsafe_b64encode(uuid.UUID(fresh_id()).bytes).decode().rstrip("=")
        with ThreadPoolExecutor(len(self.nodes)) as threads:
            list(threads.map(lambda node: node.format(cluster_id), self.nodes))

    def wait_until_complete(self) -> None:
        """Wait until each node tells a client of all nodes.

        Each is asked by itself: a client forgets the brokers that a node which lags behind does
        not tell of, and what it was asking them fails.
        """
        deadline = time.monotonic() + START_TIMEOUT_S
        for node, ports in zip(self.nodes, self._ports.values(), strict=True):
            while not _knows(f"{HOST}:{ports.clients}", len(self.nodes)):
                for each in self.nodes:
                    if not each.runs:
                        raise KafkaNotStarted(each.log, "ended before it served")
                if time.monotonic() > deadline:
                    late = f"did not serve within {START_TIMEOUT_S:g} s"
                    raise KafkaNotStarted(node.log, late)
                time.sleep(_POLL_S)

    def stop(self) -> None:
        """Stop all nodes, and wait for their end."""
        with ThreadPoolExecutor(max(1, len(self.nodes))) as threads:
            list(threads.map(Node.stop, self.nodes))

    def kill(self) -> None:
        """End all nodes as a crash would."""
        for node in self.nodes:
            node.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.stop()


def _knows(address: str, nodes: int) -> bool:
    """Ask this node with a new client, since one that was told of others may ask them instead."""
    admin = AdminClient({"bootstrap.servers": address, "log_level": 0})
    try:
        return len(admin.list_topics(timeout=2).brokers) == nodes
    except KafkaException:
        return False
