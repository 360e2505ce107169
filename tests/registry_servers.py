"""Schema registries for tests: Apicurio, which is not ours, and one that answers as told."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest

from infra.apicurio import Apicurio, ApicurioMissing, install


@pytest.fixture(scope="module")
def apicurio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apicurio]:
    """An Apicurio Registry of the module's own, with nothing in it."""
    try:
        install()
    except ApicurioMissing as missing:
        pytest.skip(f"needs apicurio: {missing}")
    with Apicurio(tmp_path_factory.mktemp("apicurio")) as registry:
        yield registry


class Asked(NamedTuple):
    """A request as a registry gets it."""

    method: str
    path: str
    login: str | None
    body: Any


Answer = Callable[[Asked], tuple[int, Any]]
"""What a registry answers: HTTP status and content, JSON unless it is bytes."""


@contextmanager
def answering(answer: Answer, wrap: Callable[[Any], Any] = lambda socket: socket) -> Iterator[str]:
    """Give the host and port of a server that answers as told; `wrap` is for TLS."""

    class Handler(BaseHTTPRequestHandler):
        """One connection."""

        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: Any) -> None:
            login = self.headers.get("Authorization")
            status, content = answer(Asked(self.command, self.path, login, body))
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 its own name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = wrap(server.socket)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
