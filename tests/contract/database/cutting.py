"""A wire to a server that is cut at a COMMIT: before it arrives, or before its answer does."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_COMMIT = b"\x03COMMIT"
"""COM_QUERY and its text, as MariaDB's protocol sends it."""


class Wire:
    """A TCP proxy on a free port of 127.0.0.1, harmless until `cut` is `before` or `after`."""

    def __init__(self, server_port: int) -> None:
        self.cut = ""
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])

    def serve(self) -> None:
        """Take connections until the wire is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server_port))
                threading.Thread(target=self._carry, args=(client, server), daemon=True).start()

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        """Carry requests and answers until either end hangs up, or a COMMIT is to be lost."""
        lost = threading.Event()
        with client, server:
            answers = threading.Thread(target=_pump, args=(server, client, lost), daemon=True)
            answers.start()
            with suppress(OSError):
                while data := client.recv(65536):
                    if self.cut and _COMMIT in data:
                        lost.set()
                        if self.cut == "after":
                            server.sendall(data)
                        break
                    server.sendall(data)
            with suppress(OSError):
                server.shutdown(socket.SHUT_WR)  # the server does what was sent, then hangs up
            answers.join()

    def close(self) -> None:
        """Take no more connections."""
        _shut(self._listener)
        self._listener.close()


def _pump(source: socket.socket, sink: socket.socket, lost: threading.Event) -> None:
    """Carry bytes until the source ends, then end the sink; what is lost is read all the same."""
    with suppress(OSError):
        while data := source.recv(65536):
            if not lost.is_set():
                sink.sendall(data)
    _shut(sink)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@contextmanager
def wire_to(server_port: int) -> Iterator[Wire]:
    """Give a wire to a server on 127.0.0.1."""
    wire = Wire(server_port)
    serving = threading.Thread(target=wire.serve)
    serving.start()
    try:
        yield wire
    finally:
        wire.close()
        serving.join()
