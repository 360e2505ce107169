"""Clients that want too much: others are served meanwhile, in bounded memory and a short log."""

import selectors
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from confluent_kafka import TopicPartition

from infra.broker import control
from infra.broker.protocol import limits
from tests.contract.broker.conftest import Clients
from tests.contract.broker.log_clients import Listening
from tests.contract.broker.test_process import closed_by_peer
from tests.crash.fuzz import log_in
from tests.waiting import until

MB = 1_000_000
# what it needs itself, and what the limits let clients take at most: their frames (which are there
# twice while a buffer grows), their answers (twice while a part is copied), 64 kB a connection
MOST_RSS = 80 * MB + 2 * limits.FRAME_MEMORY + 2 * limits.ANSWER_MEMORY


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Clients]:
    """Clients of a broker of this test alone."""
    endpoint = control.start(tmp_path / "log")
    yield Clients(tmp_path / "log", endpoint)
    control.stop(tmp_path / "log")


def connect(endpoint: Listening) -> socket.socket:
    """Open a connection."""
    return socket.create_connection((endpoint.host, endpoint.port), timeout=60)


def rss(endpoint: Listening) -> int:
    return psutil.Process(endpoint.pid).memory_info().rss


def still_served(clients: Clients, topic: str) -> None:
    """Append and read with a new client."""
    value = b"%d" % time.monotonic_ns()
    clients.produce(topic, [value])
    high = clients.consumer().get_watermark_offsets(TopicPartition(topic, 0), timeout=60)[1]
    assert clients.read(topic, 1, offset=high - 1) == [value]


def frame(content: bytes) -> bytes:
    return struct.pack(">i", len(content)) + content


def fetch(topic: str, max_bytes: int, wait_ms: int = 0) -> bytes:
    """Return a Fetch, version 4, from the start of a topic."""
    name = topic.encode()
    rows = struct.pack(">iiqi", 1, 0, 0, max_bytes)
    head = struct.pack(">hhihiiiibi", 1, 4, 1, -1, -1, wait_ms, 1, max_bytes, 0, 1)
    return frame(head + struct.pack(">h", len(name)) + name + rows)


def test_thousands_that_never_log_in_keep_nobody_out(served: Clients) -> None:
    """Slow ones, that send a byte and no more; the oldest make room for others."""
    topic = served.topic()
    began = rss(served.endpoint)
    with ExitStack() as stack, selectors.DefaultSelector() as watched:
        for number in range(3000):
            connection = stack.enter_context(connect(served.endpoint))
            connection.sendall(b"\0" if number % 2 else b"\0\0\xff\xff\0\x12")
            watched.register(connection, selectors.EVENT_READ)
            if number % 1000 == 0:
                still_served(served, topic)
        still_served(served, topic)
        assert rss(served.endpoint) < began + 60 * MB
        open_ones = psutil.Process(served.endpoint.pid).num_fds()
        assert open_ones < limits.MAX_STRANGERS + 100
        left = 3000
        deadline = time.monotonic() + limits.STRANGER_S + 60
        while left:
            for key, _ in watched.select(1):
                watched.unregister(key.fileobj)
                left -= 1
            assert time.monotonic() < deadline, f"{left} were not closed"
    log = (served.data_dir / control.LOG_FILE).read_text()
    assert len(log) < 20_000
    assert "more lines like this are left out" in log


def test_wrong_tokens_by_the_thousand_are_a_few_lines(served: Clients) -> None:
    for _ in range(2000):
        with connect(served.endpoint) as connection:
            log_in(connection, served.endpoint, "wrong")
            connection.recv(100)
    log = (served.data_dir / control.LOG_FILE).read_text()
    assert "wrong user or token" in log
    assert len(log) < 20_000
    still_served(served, served.topic())


def test_requests_that_are_only_announced_take_no_memory(served: Clients) -> None:
    before = rss(served.endpoint)
    with ExitStack() as stack:
        for _ in range(100):
            connection = stack.enter_context(connect(served.endpoint))
            log_in(connection, served.endpoint)
            connection.sendall(struct.pack(">ihh", 100 << 20, 0, 9))
        still_served(served, served.topic())
        assert rss(served.endpoint) < before + 40 * MB


def test_large_requests_that_stay_unfinished_are_bounded_and_end(served: Clients) -> None:
    """Eight times 100 MB, each short of its last byte: some wait, and the largest is closed."""
    topic = served.topic(max_message_bytes="30000000")
    peak = [0]
    with ExitStack() as stack:
        threads = []
        for _ in range(8):
            connection = stack.enter_context(connect(served.endpoint))
            log_in(connection, served.endpoint)
            threads.append(threading.Thread(target=_send_unfinished, args=(connection,)))
        for thread in threads:
            thread.start()
        # an honest client with a record of 20 MB has its turn
        value = b"v" * 20_000_000
        served.produce(topic, [value], message_max_bytes=25_000_000)

        def over() -> bool:
            peak[0] = max(peak[0], rss(served.endpoint))
            return "its was the largest" in (served.data_dir / control.LOG_FILE).read_text()

        until(over, "nobody was closed")
        assert peak[0] < MOST_RSS
    for thread in threads:
        thread.join()
    still_served(served, served.topic())


def _send_unfinished(connection: socket.socket) -> None:
    part = bytes(1 << 20)
    try:
        connection.sendall(struct.pack(">ihh", (100 << 20) - 4, 0, 9))
        for _ in range(99):
            connection.sendall(part)
    except OSError:
        return  # closed: that is what the test waits for


def test_answers_that_nobody_takes_are_bounded(served: Clients) -> None:
    """Fifty clients that ask for all there is, again and again, and read nothing."""
    topic = served.topic(max_message_bytes="30000000")
    for _ in range(4):
        served.produce(topic, [b"v" * 20_000_000], message_max_bytes=25_000_000)
    peak = 0
    with ExitStack() as stack:
        for _ in range(50):
            connection = stack.enter_context(connect(served.endpoint))
            log_in(connection, served.endpoint)
            connection.sendall(fetch(topic, 100 << 20) * 20)
            peak = max(peak, rss(served.endpoint))
        still_served(served, topic)
        peak = max(peak, rss(served.endpoint))
    assert peak < MOST_RSS
    assert "does not take its answers" in (served.data_dir / control.LOG_FILE).read_text()


def test_a_large_request_without_records_is_refused(served: Clients) -> None:
    with connect(served.endpoint) as connection:
        log_in(connection, served.endpoint)
        connection.recv(1000)
        connection.sendall(struct.pack(">ihh", 50 << 20, 3, 1))
        connection.recv(1000)
        assert closed_by_peer(connection)


def test_one_connection_has_one_waiting_fetch(served: Clients) -> None:
    """As with Kafka; each would hold its answer. The second one is answered after the first."""
    topic = served.topic()
    with connect(served.endpoint) as connection:
        log_in(connection, served.endpoint)
        answers: list[float] = []
        received = b""
        began = time.monotonic()
        connection.sendall(fetch(topic, 1000, wait_ms=200) * 3)
        while len(answers) < 3:
            received += connection.recv(1000)
            answers += [time.monotonic() - began] * (received.count(topic.encode()) - len(answers))
        assert answers[2] > 0.55
