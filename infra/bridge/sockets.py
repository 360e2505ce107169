"""The two ends of ZeroMQ's PUB/SUB: what is heard at addresses, what is sent from them."""

import errno
import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from time import monotonic
from types import TracebackType
from typing import Self

import zmq

from infra.bridge.errors import AddressInUse, AddressUnusable
from infra.settings.model import IPC

_QUEUE = 10_000
"""Messages that wait in ZeroMQ for each peer, at either end."""

_AT_ONCE = 1000
_LAST_MS = 2000
"""So long the last messages get to reach those who listen."""

_PATIENCE_S = 1.0
"""So long all wait for a listener that is slow, before it loses messages."""

_LOOK_S = 0.001

_COMMON: dict[int, int] = {
    zmq.RECONNECT_IVL: 100,
    zmq.RECONNECT_IVL_MAX: 2000,
    zmq.TCP_KEEPALIVE: 1,  # a peer whose machine died is noticed within a minute, and tried again
    zmq.TCP_KEEPALIVE_IDLE: 30,
    zmq.TCP_KEEPALIVE_INTVL: 5,
    zmq.TCP_KEEPALIVE_CNT: 4,
}


class _End:
    """A socket with a context of its own."""

    def __init__(self, kind: int, options: dict[int, int], urls: Iterable[str]) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(kind)
        for option, value in {**_COMMON, **options}.items():
            self._socket.setsockopt(option, value)
        if any("[" in url for url in urls):
            self._socket.setsockopt(zmq.IPV6, 1)
        try:
            for url in urls:
                self._join(url)
        except BaseException:
            self.close(0)
            raise

    def _join(self, url: str) -> None:
        raise NotImplementedError

    def close(self, linger_ms: int = _LAST_MS) -> None:
        """Leave the addresses; what waits to be sent gets so long."""
        self._socket.close(linger_ms)
        self._context.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.close()


class Hearing(_End):
    """What is sent from some addresses; ZeroMQ connects again by itself when a sender is back."""

    def __init__(self, urls: Sequence[str], prefixes: Iterable[str]) -> None:
        super().__init__(zmq.SUB, {zmq.RCVHWM: _QUEUE}, urls)
        for prefix in prefixes:
            self._socket.subscribe(prefix.encode())

    def _join(self, url: str) -> None:
        try:
            self._socket.connect(url)
        except zmq.ZMQError as fault:
            raise _unusable(url, fault) from fault

    def receive(self, timeout: float) -> list[list[bytes]]:
        """Return messages, all that wait up to a thousand; none if none comes in `timeout` s."""
        got: list[list[bytes]] = []
        if self._socket.poll(round(timeout * 1000)):
            with suppress(zmq.Again):
                while len(got) < _AT_ONCE:
                    got.append(self._socket.recv_multipart(zmq.NOBLOCK))
        return got


class Speaking(_End):
    """Sends to whoever listens at some addresses.

    A listener whose queue is full is waited for, a second in all; then it loses messages until it
    reads again, and holds up nobody. `lagging` counts how often that began.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        super().__init__(zmq.PUB, {zmq.SNDHWM: _QUEUE, zmq.XPUB_NODROP: 1}, urls)
        self.lagging = 0

    def _join(self, url: str) -> None:
        if url.startswith(IPC) and _is_served(url.removeprefix(IPC)):
            raise AddressInUse(url)  # ZeroMQ would take it away from the other process
        try:
            self._socket.bind(url)
        except zmq.ZMQError as fault:
            if fault.errno == errno.EADDRINUSE:
                raise AddressInUse(url) from fault
            raise _unusable(url, fault) from fault

    def send(self, frames: Sequence[bytes], wait: Callable[[float], object]) -> None:
        """Send a message to all who want it; `wait` passes some seconds."""
        deadline = None
        while True:
            try:
                self._socket.send_multipart(frames, zmq.NOBLOCK)
            except zmq.Again:
                deadline = deadline or monotonic() + _PATIENCE_S
                if monotonic() > deadline:
                    break
                wait(_LOOK_S)
            else:
                return
        self.lagging += 1
        self._socket.setsockopt(zmq.XPUB_NODROP, 0)  # all others get it; the full queue does not
        self._socket.send_multipart(frames, zmq.NOBLOCK)
        self._socket.setsockopt(zmq.XPUB_NODROP, 1)


def _unusable(url: str, fault: zmq.ZMQError) -> AddressUnusable:
    return AddressUnusable(url, zmq.strerror(fault.errno or 0).lower())


def _is_served(path: str) -> bool:
    """Whether a process answers at a Unix socket; a file that a dead one left is nobody's."""
    address = f"\0{path[1:]}" if path.startswith("@") else path
    with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
        probe.connect(address)
        return True
    return False
