"""A cluster that many processes use, and that stays until one of them takes it down.

Its directory says where it listens and what its processes are. Whoever comes first starts it.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.kafka.cluster import Cluster
from infra.kafka.errors import AnotherSize

_FILE = "standing.json"
_POLL_S = 0.05
_STOP_TIMEOUT_S = 30.0
_started: list[Cluster] = []  # held, so that Python does not think their processes forgotten


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a cluster listens, and the process of each node."""

    bootstrap_servers: str
    processes: list[int]


def up(
    directory: Path,
    nodes: int = 1,
    options: Mapping[str, str] | None = None,
    starter: int | None = None,
) -> Standing:
    """Return the cluster of `directory`, started unless it runs; it ends with `starter`, if given.

    Raises `KafkaMissing`, `KafkaNotStarted`, or `AnotherSize` if it runs with other nodes.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with _alone(directory):
        found = _read(directory)
        if found is not None and _running(directory, found):
            if len(found.processes) != nodes:
                raise AnotherSize(len(found.processes), nodes)
            return found
        cluster = Cluster(directory / "nodes", nodes, options, starter=starter)
        cluster.start()
        _started.append(cluster)
        standing = Standing(cluster.bootstrap_servers, [node.pid for node in cluster.nodes])
        (directory / _FILE).write_text(json.dumps(asdict(standing)))
        return standing


def down(directory: Path) -> bool:
    """Stop the cluster of `directory` and remove its records; false if there is none."""
    if not (directory / _FILE).exists():
        return False
    with _alone(directory):
        found = _read(directory)
        for pid in [] if found is None else _running(directory, found):
            os.kill(pid, signal.SIGTERM)
            _await_end(directory, pid)
        shutil.rmtree(directory / "nodes", ignore_errors=True)
        (directory / _FILE).unlink(missing_ok=True)
    return True


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    with (directory / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _read(directory: Path) -> Standing | None:
    try:
        return Standing(**json.loads((directory / _FILE).read_text()))
    except FileNotFoundError:
        return None


def _running(directory: Path, standing: Standing) -> list[int]:
    return [pid for pid in standing.processes if _is_node(directory, pid)]


def _is_node(directory: Path, pid: int) -> bool:
    """Whether a process is a node of this directory: its number may be another's by now."""
    told = subprocess.run(
        ["ps", "-o", "stat=,command=", "-ww", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    return str(directory) in told and not told.startswith("Z")


def _await_end(directory: Path, pid: int) -> None:
    deadline = time.monotonic() + _STOP_TIMEOUT_S
    while _is_node(directory, pid):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(_POLL_S)
