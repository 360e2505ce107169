"""Who speaks and who listens on ZeroMQ, as programs do that know nothing of evctl."""

import json
from collections.abc import Sequence
from time import monotonic
from types import TracebackType
from typing import Any, Self

import zmq

from tests.waiting import WAIT_S

T0 = 1_795_144_455
"""Unix seconds of the first event: 2026-11-20T03:14:15Z."""


def message(number: int, name: str = "pas.Guider1.metrology_data", **more: Any) -> list[bytes]:
    """Return the message of the event of this number, one each 10 ms."""
    system, source, key = name.split(".")
    micros = number * 10_000
    members = {
        "__system": system,
        "__source": source,
        "__key": key,
        "__data_time": f"{T0 + micros // 1_000_000}.{micros % 1_000_000:06d}",
        "__wire_time": f"{T0 + micros // 1_000_000}.{micros % 1_000_000 + 900:06d}",
        "__data": False,
        "n": number,
        "image_quality": 1.2,
        "filter": "g",
        **more,
    }
    return [name.encode(), json.dumps(members).encode()]


class _Peer:
    def __init__(self, kind: int) -> None:
        self.context = zmq.Context()
        self.socket = self.context.socket(kind)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.socket.close(0)
        self.context.term()


class Sender(_Peer):
    """Sends from an address; it can tell when somebody listens, as a PUB socket can't."""

    def __init__(self, url: str) -> None:
        super().__init__(zmq.XPUB)
        self.socket.setsockopt(zmq.SNDHWM, 0)
        self.socket.setsockopt(zmq.XPUB_VERBOSE, 1)
        self.socket.bind(url)
        self.url = self.socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def heard(self, within: float = WAIT_S) -> Self:
        """Wait until somebody subscribes."""
        deadline = monotonic() + within
        while True:
            assert self.socket.poll(max(0, round((deadline - monotonic()) * 1000))), (
                "nobody listens"
            )
            if self.socket.recv()[:1] == b"\1":
                return self

    def send(self, *messages: Sequence[bytes]) -> None:
        """Send messages."""
        for frames in messages:
            self.socket.send_multipart(frames)


class Ear(_Peer):
    """Listens at addresses; `queue` messages wait at this end, or (0) any number."""

    def __init__(self, *urls: str, queue: int = 0) -> None:
        super().__init__(zmq.SUB)
        self._monitor = self.socket.get_monitor_socket(zmq.Event.HANDSHAKE_SUCCEEDED)
        self._urls = urls
        self.socket.setsockopt(zmq.RCVHWM, queue)
        if queue:
            self.socket.setsockopt(zmq.RCVBUF, 4096)
        self.socket.subscribe(b"")
        for url in urls:
            self.socket.connect(url)

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self.socket.disable_monitor()
        self._monitor.close(0)
        super().__exit__(kind, _, __)

    def connected(self) -> None:
        """Wait until each address has somebody behind it who knows of this one."""
        for url in self._urls:
            assert self._monitor.poll(WAIT_S * 1000), f"nobody serves {url}"
            self._monitor.recv_multipart()
        self.silent()  # the subscription is on its way

    def hear(self, messages: int, within: float = WAIT_S) -> list[tuple[str, dict[str, Any]]]:
        """Return the next messages: the name and the members of each."""
        got: list[tuple[str, dict[str, Any]]] = []
        deadline = monotonic() + within
        while len(got) < messages:
            left = deadline - monotonic()
            assert left > 0, f"only {len(got)} of {messages} messages came"
            if self.socket.poll(round(left * 1000)):
                name, text = self.socket.recv_multipart()
                got.append((name.decode(), json.loads(text)))
        return got

    def silent(self, seconds: float = 0.2) -> bool:
        """Tell whether nothing more comes."""
        return not self.socket.poll(round(seconds * 1000))
