"""One node of Kafka as a process."""

import secrets
import socket
import subprocess
from pathlib import Path

from infra.kafka import java
from infra.kafka.errors import KafkaNotStarted
from infra.kafka.java import Heap
from infra.kafka.properties import HOST

_STOP_TIMEOUT_S = 60.0
_GUARD = """
while kill -0 "$1" 2>/dev/null && kill -0 "$2" 2>/dev/null; do sleep 1; done
kill "$2"
"""
_PORTS = range(20_000, 32_000)  # below those that the system gives to outgoing connections


class Node:
    """A node's directory and its process, which may be stopped, killed and started anew."""

    def __init__(self, directory: Path, libs: Path, heap: Heap) -> None:
        self.directory = directory
        self.log = directory / "node.log"
        self.properties = directory / "server.properties"
        self._libs = libs
        self._heap = heap
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process, −1 while there is none."""
        return -1 if self._process is None else self._process.pid

    def format(self, cluster_id: str) -> None:
        """Prepare the node's storage."""
        # in one word: an id may begin with a dash
        words = ("format", f"--cluster-id={cluster_id}", "--config", str(self.properties))
        with self.log.open("ab") as log:
            command = java.tool(self._libs, "kafka-storage", *words)
            done = subprocess.run(command, stdout=log, stderr=log, check=False)
        if done.returncode:
            raise KafkaNotStarted(self.log, "could not format its storage")

    def start(self, starter: int | None) -> None:
        """Start the process; it serves some seconds later, and ends with the process `starter`."""
        command = java.command(
            self._libs, "kafka.Kafka", str(self.properties), heap=self._heap, log_level="INFO"
        )
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for whoever started it, who then stops it
            )
        if starter is not None:
            self._guard = guard(starter, self.pid)

    @property
    def runs(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End the process as an operator would, and wait for its end."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
            self._gone(self._process)

    def kill(self) -> None:
        """End the process as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._gone(self._process)

    def _gone(self, process: subprocess.Popen[bytes]) -> None:
        if self._guard is not None:
            self._guard.kill()
            self._guard.wait()
        process.wait()


def guard(starter: int, node: int) -> subprocess.Popen[bytes]:
    """Start what ends a process whose starter was killed: nobody else would."""
    return subprocess.Popen(
        ["sh", "-c", _GUARD, "guard", str(starter), str(node)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on, and no connection will be given."""
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
