"""What tests of the bridge have: a log, a namespace of its own for each, and addresses."""

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from infra.broker import control
from infra.kafka.node import free_port
from infra.settings import load
from tests.integration.bridge.bridged import Site

_NAMES = (f"test{number}" for number in count())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a site whose log runs."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "evctl-site.yaml").write_text("log: {data_dir: log}", encoding="utf-8")
    control.start(folder / "log")
    yield folder
    control.stop(folder / "log")


@pytest.fixture
def site(folder: Path) -> Site:
    """A namespace of its own on that log."""
    options = {"log.namespace": next(_NAMES)}
    return Site(folder, load(folder / "evctl-site.yaml", options=options, environ={}).settings)


@pytest.fixture
def ipc(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """An address that is a file; its path is short, as the system wants it."""
    path = Path("/tmp") / f"evctl-{os.getpid()}-{abs(hash(request.node.nodeid)) % 10**8}.ipc"
    yield f"ipc://{path}"
    path.unlink(missing_ok=True)


@pytest.fixture
def tcp() -> str:
    """An address with a port that is free now."""
    return f"tcp://127.0.0.1:{free_port()}"
