"""Clients that are not ours, against the embedded broker."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.kafka import java
from tests.contract.broker.conftest import Clients

LONGEST_S = 120


@pytest.fixture(scope="module")
def clients(embedded: Clients) -> Clients:
    """Clients of the embedded broker alone."""
    return embedded


@pytest.fixture
def kcat(clients: Clients, tmp_path: Path) -> Callable[..., str]:
    """Runs kcat, set as `evctl broker client-config` says, and returns what it prints."""
    if shutil.which("kcat") is None:
        pytest.skip("needs kcat: there is no kcat on this machine (apt-get install kcat)")
    config = tmp_path / "kcat.conf"
    lines = clients.endpoint.client_config()
    config.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
    return lambda *arguments, stdin="": run(["kcat", "-F", str(config), *arguments], stdin)


@pytest.fixture(scope="module")
def java_config(clients: Clients, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The properties file that connects Kafka's own tools."""
    config = clients.endpoint.client_config()
    name, token = config["sasl.username"], config["sasl.password"]
    login = "org.apache.kafka.common.security.plain.PlainLoginModule"
    path = tmp_path_factory.mktemp("java") / "client.properties"
    path.write_text(
        f"security.protocol={config['security.protocol']}\n"
        f"sasl.mechanism={config['sasl.mechanism']}\n"
        f'sasl.jaas.config={login} required username="{name}" password="{token}";\n'
    )
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def tool(kafka_libs: Path) -> Callable[..., str]:
    """Runs one of Kafka's own tools, named as in its distribution, and returns what it prints."""
    return lambda name, *arguments, stdin="": run(java.tool(kafka_libs, name, *arguments), stdin)


@pytest.fixture(scope="module")
def connected(clients: Clients, java_config: Path, tool: Callable[..., str]) -> Callable[..., str]:
    """Runs one of Kafka's own tools that takes `--command-config`, connected."""
    servers = clients.endpoint.client_config()["bootstrap.servers"]
    where = ("--bootstrap-server", servers, "--command-config", str(java_config))
    return lambda name, *arguments: tool(name, *where, *arguments)


def run(command: list[str], stdin: str) -> str:
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=LONGEST_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
