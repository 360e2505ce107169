"""Logs that a test may kill and start again, with all their clients connected."""

import os
import signal
import time
from pathlib import Path
from typing import Protocol

from infra.broker import control, ownership
from infra.kafka import Cluster
from tests.contract.broker.log_clients import Clients, KafkaEndpoint


class Mortal(Protocol):
    """A log of a module's own, which may die and come back."""

    @property
    def clients(self) -> Clients: ...
    def kill(self) -> None:
        """End it as a crash would."""

    def stop(self) -> None:
        """End it as its operator would."""

    def start(self) -> None:
        """Let it serve again, where it was."""


class MortalBroker:
    """An embedded broker."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._endpoint = control.start(data_dir)
        self.clients = Clients(data_dir, self._endpoint)

    def kill(self) -> None:
        """End it as a crash would."""
        os.kill(self._endpoint.pid, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while ownership.is_owned(self._data_dir):
            assert time.monotonic() < deadline
            time.sleep(0.002)

    def stop(self) -> None:
        """End it as its operator would."""
        control.stop(self._data_dir)

    def start(self) -> None:
        """Let it serve again, where it was."""
        self._endpoint = control.start(self._data_dir, port=self._endpoint.port)


class MortalKafka:
    """A node of Apache Kafka."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        endpoint = KafkaEndpoint(cluster.bootstrap_servers, cluster.nodes[0].pid)
        self.clients = Clients(cluster.directory, endpoint)

    def kill(self) -> None:
        """End it as a crash would."""
        self._cluster.kill()

    def stop(self) -> None:
        """End it as its operator would."""
        self._cluster.stop()

    def start(self) -> None:
        """Let it serve again, where it was."""
        self._cluster.start()
