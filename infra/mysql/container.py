"""A container of a Docker engine that serves MySQL, through the Docker SDK for Python."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from infra.mysql.errors import DockerMissing, EngineAway, NameTaken
from infra.mysql.server import DATABASE, USER, Server

IMAGE = "mariadb:lts"
_LABEL = "evctl.throw-away"
_HOST, _PORT = "127.0.0.1", "3306/tcp"
_ANSWER_S = 120


def is_possible() -> bool:
    """Tell whether there are an SDK and an engine."""
    try:
        with _engine():
            return True
    except (DockerMissing, EngineAway):
        return False


def require() -> None:
    """Raise `DockerMissing` or `EngineAway`."""
    with _engine():
        return


def start(name: str, directory: Path, password: str) -> Server:
    """Start a container with an empty database; it serves some seconds later.

    Its port is one of this machine's loopback, for a container's own address is not reached from
    everywhere. Raises `NameTaken`.
    """
    with _engine() as client:
        if _find(client, name) is not None:
            raise NameTaken(name)
        container = client.containers.run(
            IMAGE,
            detach=True,
            name=name,
            labels={_LABEL: str(directory)},
            ports={_PORT: (_HOST, None)},
            environment={
                "MARIADB_RANDOM_ROOT_PASSWORD": "1",
                "MARIADB_DATABASE": DATABASE,
                "MARIADB_USER": USER,
                "MARIADB_PASSWORD": password,
            },
        )
        return _server(container, name, directory)


def start_again(name: str, directory: Path) -> Server | None:
    """Start a directory's container, which has ended, with what it has; none if it is gone.

    Its port may be another one than before.
    """
    with _engine() as client:
        container = _ours(client, name, directory)
        if container is None:
            return None
        container.start()
        return _server(container, name, directory)


def _server(container: Any, name: str, directory: Path) -> Server:
    """Return where a container that was just started listens."""
    container.reload()
    port = int(container.ports[_PORT][0]["HostPort"])
    networks = container.attrs["NetworkSettings"]["Networks"].values()
    address = next((network["IPAddress"] for network in networks), "")
    return Server(name, directory, "docker", _HOST, port, address)


def runs(name: str, directory: Path) -> bool:
    """Tell whether the container of a directory is there and runs."""
    with _engine() as client:
        container = _ours(client, name, directory)
        return container is not None and container.status == "running"


def last_words(name: str) -> str:
    """Return the end of what the container has written."""
    with _engine() as client:
        container = _find(client, name)
        return "" if container is None else container.logs(tail=15).decode(errors="replace")


def remove(name: str, directory: Path) -> bool:
    """Stop a directory's container and remove it with its volumes; false if there is none."""
    with _engine() as client:
        container = _ours(client, name, directory)
        if container is None:
            return False
        container.remove(v=True, force=True)
        return True


@contextmanager
def _engine() -> Iterator[Any]:
    if find_spec("docker") is None:
        raise DockerMissing
    import docker  # noqa: PLC0415 an extra
    from requests import RequestException  # noqa: PLC0415 what the SDK lets through

    client = None
    try:
        client = docker.from_env(timeout=_ANSWER_S)
        yield client
    except (docker.errors.DockerException, RequestException) as fault:
        raise EngineAway(str(fault)) from fault
    finally:
        if client is not None:
            client.close()


def _find(client: Any, name: str) -> Any | None:
    import docker  # noqa: PLC0415

    try:
        return client.containers.get(name)
    except docker.errors.NotFound:
        return None


def _ours(client: Any, name: str, directory: Path) -> Any | None:
    """Return the container that was made for a directory: its label says so."""
    container = _find(client, name)
    is_ours = container is not None and container.labels.get(_LABEL) == str(directory)
    return container if is_ours else None
