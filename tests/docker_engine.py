"""As much of a Docker engine as `evctl mysql` asks for, by Docker's documentation of its API.

It starts no container: one server of MariaDB stands for what the image would run.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.database_servers import MariaDBServer

_ADDRESS = "172.17.0.2"


class Engine(ThreadingHTTPServer):
    """Containers by name; `removed` are the queries of those that were removed."""

    def __init__(self, mariadb: MariaDBServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.mariadb = mariadb
        self.containers: dict[str, dict[str, Any]] = {}
        self.removed: list[dict[str, list[str]]] = []

    @property
    def address(self) -> str:
        """What DOCKER_HOST has to be."""
        return f"tcp://127.0.0.1:{self.server_address[1]}"

    def create(self, name: str, wanted: dict[str, Any]) -> None:
        """Do what the image does with its variables."""
        said = dict(word.split("=", 1) for word in wanted.get("Env", []))
        with self.mariadb.connect() as connection, connection.cursor() as cursor:
            user, database = said["MARIADB_USER"], said["MARIADB_DATABASE"]
            cursor.execute(f"CREATE DATABASE {database}")
            cursor.execute(f"CREATE USER {user} IDENTIFIED BY '{said['MARIADB_PASSWORD']}'")
            cursor.execute(f"GRANT ALL ON {database}.* TO {user}")
        self.add(name, wanted.get("Labels", {}))

    def add(self, name: str, labels: dict[str, str]) -> None:
        """Let a container be there."""
        ports = [{"HostIp": "127.0.0.1", "HostPort": str(self.mariadb.port)}]
        self.containers[name] = {
            "Id": name,
            "Name": f"/{name}",
            "Image": "sha256:0",
            "State": {"Status": "created"},
            "Config": {"Labels": labels},
            "NetworkSettings": {
                "Ports": {"3306/tcp": ports},
                "Networks": {"bridge": {"IPAddress": _ADDRESS}},
            },
        }


class _Handler(BaseHTTPRequestHandler):
    server: Engine
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        name = self._container()
        if name is None:
            self._answer(200, {"ApiVersion": "1.41", "MinAPIVersion": "1.24"})
        elif name in self.server.containers:
            self._answer(200, self.server.containers[name])
        else:
            self._answer(404, {"message": f"No such container: {name}"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        name = self._container()
        if name == "create":
            (name,) = parse_qs(urlsplit(self.path).query)["name"]
            self.server.create(name, json.loads(body))
            self._answer(201, {"Id": name, "Warnings": []})
        else:
            self.server.containers[str(name)]["State"]["Status"] = "running"
            self._answer(204)

    def do_DELETE(self) -> None:
        self.server.removed.append(parse_qs(urlsplit(self.path).query))
        del self.server.containers[str(self._container())]
        self._answer(204)

    def _container(self) -> str | None:
        """Return the word after `containers` in the path."""
        _, found, rest = urlsplit(self.path).path.partition("/containers/")
        return rest.partition("/")[0] if found else None

    def _answer(self, code: int, body: object = None) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 its name there
        """Say nothing."""


@contextmanager
def engine(mariadb: MariaDBServer) -> Iterator[Engine]:
    """Give a running engine."""
    with Engine(mariadb) as running:
        serving = threading.Thread(target=running.serve_forever)
        serving.start()
        try:
            yield running
        finally:
            running.shutdown()
            serving.join()
