"""Clients of the logs that the contract is held to: the embedded broker, and Apache Kafka.

A test that takes `clients` runs on both. It may use clients only: no files, and no names that
another test could use too (`unique` makes some). What only the embedded broker has is tested in
modules whose own fixture `clients` is `embedded`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.broker import control
from infra.kafka.standing import Standing
from tests.contract.broker.log_clients import (
    Clients,
    KafkaEndpoint,
    client_config,
    unique,
    values_of,
)
from tests.contract.broker.mortal import Mortal, MortalBroker, MortalKafka

__all__ = ["Clients", "client_config", "unique", "values_of"]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of the module's broker."""
    return tmp_path_factory.mktemp("broker") / "log"


@pytest.fixture(scope="module")
def embedded(data_dir: Path) -> Iterator[Clients]:
    """Clients of an embedded broker that runs as long as the module's tests."""
    endpoint = control.start(data_dir, cleaning_interval_s=0.2)
    yield Clients(data_dir, endpoint)
    control.stop(data_dir)


@pytest.fixture(scope="module")
def kafka(kafka_servers: Standing, data_dir: Path) -> Clients:
    """Clients of Apache Kafka; the directory is an empty one."""
    endpoint = KafkaEndpoint(kafka_servers.bootstrap_servers, kafka_servers.processes[0])
    return Clients(data_dir, endpoint)


@pytest.fixture(scope="module", params=["embedded", "kafka"])
def clients(request: pytest.FixtureRequest) -> Clients:
    """Clients of each log in turn."""
    found: Clients = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def start_broker() -> Iterator[Callable[..., Clients]]:
    """Starts embedded brokers for one test, and stops them after it."""
    started: list[Path] = []

    def start(data_dir: Path, **options: Any) -> Clients:
        endpoint = control.start(data_dir, **options)
        started.append(data_dir)
        return Clients(data_dir, endpoint)

    yield start
    for path in started:
        control.stop(path)


@pytest.fixture(scope="module", params=["embedded", "kafka"])
def mortal(request: pytest.FixtureRequest, data_dir: Path) -> Iterator[Mortal]:
    """Each log in turn, alone for this module."""
    if request.param == "kafka":
        yield MortalKafka(request.getfixturevalue("start_kafka")())
        return
    yield MortalBroker(data_dir / "mortal")
    control.stop(data_dir / "mortal")
