"""`evctl broker`, as it is typed."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from infra.broker import control
from tests.contract.broker.conftest import Clients

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def clients(embedded: Clients) -> Clients:
    """Clients of the embedded broker alone."""
    return embedded


@pytest.fixture
def log_dir(tmp_path: Path) -> Iterator[Path]:
    """A data directory whose broker is stopped after the test."""
    yield tmp_path / "log"
    control.stop(tmp_path / "log")


@pytest.fixture
def evctl(log_dir: Path) -> Run:
    """Runs `evctl broker` on that data directory."""

    def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        chosen = {"EVCTL_LOG__DATA_DIR": str(log_dir)} | variables
        return subprocess.run(
            [sys.executable, "-m", "infra.cli", "broker", *words],
            env=os.environ | chosen,
            cwd=log_dir.parent,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_it_starts_shows_and_stops(evctl: Run, log_dir: Path) -> None:
    started = evctl("start")
    assert (started.returncode, started.stdout[:8]) == (0, "started:")
    assert evctl("start").stdout.startswith("runs already:")
    endpoint = control.find(log_dir)
    assert endpoint is not None
    topic = Clients(log_dir, endpoint).topic(partitions=3)
    shown = evctl("status")
    assert shown.returncode == 0
    assert endpoint.bootstrap_servers in shown.stdout
    assert f"process {endpoint.pid}" in shown.stdout
    assert topic in shown.stdout
    assert "3 partition(s)" in shown.stdout
    assert evctl("stop").stdout == "stopped\n"
    assert evctl("stop").returncode == 0


def test_status_of_none_says_so(evctl: Run) -> None:
    shown = evctl("status")
    assert shown.returncode == 3
    assert "not running" in shown.stdout


def test_client_config_connects_another_client(evctl: Run, log_dir: Path) -> None:
    refused = evctl("client-config")
    assert refused.returncode == 3
    assert "evctl broker start" in refused.stderr
    control.start(log_dir)
    lines = evctl("client-config").stdout.splitlines()
    admin = AdminClient({name: value for name, _, value in (li.partition("=") for li in lines)})
    assert len(admin.list_topics(timeout=60).brokers) == 1


def test_a_port_in_use_is_one_sentence(evctl: Run, clients: Clients) -> None:
    refused = evctl("start", EVCTL_BROKER__PORT=str(clients.endpoint.port))
    assert refused.returncode == 73
    assert f"Port {clients.endpoint.port}" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("flipped", "what", "online"),
    [(65, "the checksum", True), (65, "the checksum", False), (4, "offset ", False)],
)
def test_check_names_a_flipped_bit(
    evctl: Run, log_dir: Path, flipped: int, what: str, online: bool
) -> None:
    clients = Clients(log_dir, control.start(log_dir))
    topic = clients.topic()
    for number in range(3):
        clients.produce(topic, [b"%d" % number])
    healthy = evctl("check")
    assert healthy.returncode == 0
    assert f"{topic}-0: 1 segment(s), 3 batches, 3 records" in healthy.stdout
    if not online:
        control.stop(log_dir)
    path = max((log_dir / f"{topic}-0").glob("*.log"))
    size = path.stat().st_size // 3
    with path.open("r+b") as file:
        file.seek(size + flipped)
        file.write(b"\xff")
    damaged = evctl("check", "--topic", topic)
    assert damaged.returncode == 5
    assert f"{path}: byte {size}, offset 1: {what}" in damaged.stderr
    assert "Traceback" not in damaged.stderr
    assert evctl("check", "--topic", "another").returncode == 0
