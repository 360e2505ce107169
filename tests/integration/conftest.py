"""An embedded log for the tests of a module, seen by each with a namespace of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.broker import control
from infra.log.cluster import Cluster, connect
from infra.settings import Settings


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One embedded log for all tests of this module."""
    directory: Path = tmp_path_factory.mktemp("log")
    try:
        yield connect(Settings.model_validate({"log": {"data_dir": str(directory)}}))
    finally:
        control.stop(directory)


@pytest.fixture
def cluster(log: Cluster, request: pytest.FixtureRequest) -> Cluster:
    """The log, seen with a namespace that only this test has."""
    return log.in_namespace(f"{request.node.name.partition('[')[0][-60:]}.")
