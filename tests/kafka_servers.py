"""Apache Kafka for tests: one node that all workers of the run share, and nodes of one's own.

The node belongs to the run's temporary folder. Whoever needs it first starts it, and the run stops
it at its end.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.kafka import Cluster, KafkaMissing, install, standing

_FOLDER = "kafka"
PATIENT = {"broker.session.timeout.ms": "60000"}  # nobody kills it, and a busy machine stands still
SOON_BACK = {  # one that was killed is let in again when its session is over
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "200",
}


def _libs() -> Path:
    try:
        return install()
    except KafkaMissing as missing:
        pytest.skip(f"needs kafka: {missing}")


@pytest.fixture(scope="session")
def kafka_libs() -> Path:
    """The directory of Kafka's jars, its tools among them."""
    return _libs()


@pytest.fixture(scope="session")
def kafka_servers(kafka_libs: Path, tmp_path_factory: pytest.TempPathFactory) -> standing.Standing:
    """A node of Apache Kafka that all workers use: names on it must be unique."""
    run = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    return standing.up(_folder(tmp_path_factory), options=PATIENT, starter=run)


@pytest.fixture(scope="module")
def start_kafka(
    kafka_libs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Cluster]]:
    """Starts nodes of the module's own, which may be killed and started anew."""
    started: list[Cluster] = []

    def start() -> Cluster:
        cluster = Cluster(tmp_path_factory.mktemp("kafka"), options=SOON_BACK)
        started.append(cluster)
        cluster.start()
        return cluster

    yield start
    for cluster in started:
        cluster.stop()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Stop the shared node, in the process that all others belong to."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        standing.down(_folder(session.config._tmp_path_factory))  # type: ignore[attr-defined]


def _folder(factory: pytest.TempPathFactory) -> Path:
    """Return a folder that is the same one in all processes of the run."""
    base = factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / _FOLDER
