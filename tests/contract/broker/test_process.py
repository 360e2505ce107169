"""The broker as a process: who may start it, who may connect, when it ends, a full disk."""

import os
import resource
import select
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
import pytest
from confluent_kafka import KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from infra.broker import control, ownership
from infra.broker.control import Endpoint
from infra.broker.errors import BrokerError, StartFailed
from infra.broker.protocol import limits
from tests.contract.broker.conftest import Clients, client_config
from tests.waiting import has_ended, until


@pytest.fixture(scope="module")
def clients(embedded: Clients) -> Clients:
    """Clients of the embedded broker alone."""
    return embedded


def _note(
    outcomes: dict[int, KafkaError | None], number: int, error: KafkaError | None, _: object
) -> None:
    outcomes[number] = error


def closed_by_peer(connection: socket.socket) -> bool:
    """Whether the broker closes a connection before it misses a login, without an answer."""
    readable, _, _ = select.select([connection], [], [], limits.STRANGER_S - 1)
    try:
        return bool(readable) and connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_the_directory_and_the_token_are_the_owners_alone(clients: Clients) -> None:
    assert stat.S_IMODE(clients.data_dir.stat().st_mode) == 0o700
    for path in clients.data_dir.rglob("*"):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


def test_a_wrong_token_is_refused(clients: Clients) -> None:
    errors: list[KafkaError] = []
    wrong = {"sasl.password": "wrong", "error_cb": errors.append}
    producer = Producer(client_config(clients.endpoint) | wrong)

    def refused() -> bool:
        producer.poll(0.05)
        return any(error.code() == KafkaError._AUTHENTICATION for error in errors)

    until(refused, "no authentication error came")
    assert "client-config" in " ".join(error.str() for error in errors)


def test_nothing_is_answered_before_the_login(clients: Clients) -> None:
    with socket.create_connection(("127.0.0.1", clients.endpoint.port)) as connection:
        metadata = struct.pack(">hhih", 3, 1, 1, -1) + struct.pack(">i", -1)
        connection.sendall(struct.pack(">i", len(metadata)) + metadata)
        assert closed_by_peer(connection)


@pytest.mark.parametrize("length", [-1, 2**31 - 1, 100_000])
def test_impossible_frames_close_the_connection(clients: Clients, length: int) -> None:
    with socket.create_connection(("127.0.0.1", clients.endpoint.port)) as connection:
        connection.sendall(struct.pack(">i", length))
        assert closed_by_peer(connection)


def test_a_newer_api_versions_is_answered_in_version_0(clients: Clients) -> None:
    with socket.create_connection(("127.0.0.1", clients.endpoint.port)) as connection:
        connection.sendall(struct.pack(">ihhih", 10, 18, 99, 42, -1))
        length, correlation, error = struct.unpack(">iih", connection.recv(10, socket.MSG_WAITALL))
        assert (correlation, error) == (42, 35)
        assert length > 10


def test_a_second_broker_is_refused_and_names_the_first(clients: Clients) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "infra.broker", "--data-dir", clients.data_dir],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 4
    assert f"process {clients.endpoint.pid}" in done.stderr
    assert "Traceback" not in done.stderr


def test_starting_twice_finds_the_first(clients: Clients) -> None:
    assert control.start(clients.data_dir) == clients.endpoint
    assert control.find(clients.data_dir) == clients.endpoint


def test_racing_starters_share_one_broker(tmp_path: Path) -> None:
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(control.start(tmp_path / "log").pid))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        assert len(found) == 5
        assert len(set(found)) == 1
    finally:
        assert control.stop(tmp_path / "log")


def test_a_stopped_broker_is_not_found(tmp_path: Path) -> None:
    data_dir = tmp_path / "log"
    assert control.find(data_dir) is None
    assert control.stop(data_dir) is False
    pid = control.start(data_dir).pid
    assert control.stop(data_dir) is True
    assert control.find(data_dir) is None
    until(lambda: has_ended(pid), "the process lives on")


def test_a_killed_broker_is_not_found(tmp_path: Path) -> None:
    endpoint = control.start(tmp_path / "log")
    os.kill(endpoint.pid, signal.SIGKILL)
    until(lambda: not ownership.is_owned(tmp_path / "log"), "the lock outlives its process")
    assert control.find(tmp_path / "log") is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "infra.broker", f"--data-dir={tmp_path / 'log'}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        until(lambda: control.find(tmp_path / "log") is not None, "it does not serve")
        process.send_signal(number)
        _, log = process.communicate(timeout=60)
    assert process.returncode == 0
    assert log.splitlines()[-1].endswith("ended")
    assert "Traceback" not in log


def test_a_port_in_use_is_named(clients: Clients, tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match=f"Port {clients.endpoint.port} .* in use"):
        control.start(tmp_path / "log", port=clients.endpoint.port)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    control.start(tmp_path / "log")
    control.stop(tmp_path / "log")
    properties = tmp_path / "log" / "meta.properties"
    properties.write_text(properties.read_text().replace("format.version=1", "format.version=2"))
    with pytest.raises(StartFailed, match="format version 2"):
        control.start(tmp_path / "log")


def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("")
    with pytest.raises(BrokerError, match="can't be used"):
        control.start(tmp_path / "log")


def lingering(data_dir: Path, linger_s: float) -> tuple[Endpoint, socket.socket]:
    """Start a broker that lingers, and be its client; one may have ended before we came."""
    while True:
        endpoint, connection = control.start(data_dir, linger_s=linger_s), socket.socket()
        with suppress(ConnectionError):
            connection.connect((endpoint.host, endpoint.port))
            if is_answered(connection):
                return endpoint, connection
        connection.close()


def is_answered(connection: socket.socket) -> bool:
    """Whether the broker answers a request for its versions."""
    connection.sendall(struct.pack(">ihhih", 10, 18, 0, 42, -1))
    head = connection.recv(4, socket.MSG_WAITALL)
    size = struct.unpack(">i", head)[0] if head else 0
    return 0 < size == len(connection.recv(size, socket.MSG_WAITALL))


def test_it_ends_after_its_last_connection(tmp_path: Path) -> None:
    endpoint, connection = lingering(tmp_path / "log", 0.3)
    with connection:
        assert select.select([connection], [], [], 0.8) == ([], [], [])  # longer than it lingers
        assert control.find(tmp_path / "log") == endpoint
    until(lambda: not ownership.is_owned(tmp_path / "log"), "it stays though nobody is there")


def test_one_that_lingers_stays_when_it_is_started_for_good(tmp_path: Path) -> None:
    try:
        endpoint, connection = lingering(tmp_path / "log", 0.5)
        with connection:
            assert control.start(tmp_path / "log") == endpoint
        with pytest.raises(psutil.TimeoutExpired):
            psutil.Process(endpoint.pid).wait(1.0)
    finally:
        control.stop(tmp_path / "log")


def test_below_the_floor_producers_are_refused_and_readers_served(tmp_path: Path) -> None:
    data_dir = tmp_path / "log"
    try:
        clients = Clients(data_dir, control.start(data_dir))
        topic = clients.topic()
        clients.produce(topic, [b"before"])
        control.stop(data_dir)
        clients = Clients(data_dir, control.start(data_dir, free_space_floor=2**60))
        producer = clients.producer(message_timeout_ms=1000)
        refused: list[KafkaError | None] = []
        producer.produce(topic, b"after", on_delivery=lambda error, _: refused.append(error))
        assert producer.flush(60) == 0
        assert refused[0] is not None
        assert clients.read(topic, 1) == [b"before"]
        assert clients.consumer().get_watermark_offsets(TopicPartition(topic, 0)) == (0, 1)
    finally:
        control.stop(data_dir)


def test_a_full_disk_loses_nothing_and_is_survived(tmp_path: Path) -> None:
    """The limit on the size of files stands for the disk: writes beyond it are cut short, too."""
    data_dir = tmp_path / "log"
    endpoint = control.start(data_dir)
    try:
        clients = Clients(data_dir, endpoint)
        topic = clients.topic()
        resource.prlimit(endpoint.pid, resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))
        outcomes: dict[int, KafkaError | None] = {}
        producer = clients.producer(retries=3, retry_backoff_ms=20, batch_num_messages=5)
        for number in range(100):
            value = b"%03d" % number + b"x" * 997
            producer.produce(topic, value, on_delivery=partial(_note, outcomes, number))
        assert producer.flush(60) == 0
        kept = [number for number, error in outcomes.items() if error is None]
        assert 0 < len(kept) < 100

        free = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(endpoint.pid, resource.RLIMIT_FSIZE, free)
        clients.produce(topic, [b"after"])
        found = clients.read(topic, len(kept) + 1)
        assert [int(value[:3]) for value in found[:-1]] == kept
        assert found[-1] == b"after"
        assert "the disk refuses" in (data_dir / "broker.log").read_text()
    finally:
        control.stop(data_dir)


def test_it_starts_quickly_and_is_small(tmp_path: Path) -> None:
    began = time.monotonic()
    endpoint = control.start(tmp_path / "log")
    try:
        admin = AdminClient(client_config(endpoint))
        admin.list_topics(timeout=60)
        assert time.monotonic() - began < 40  # the bar of 0.3 s is the benchmark's: here all run
        until(lambda: psutil.Process(endpoint.pid).cpu_percent(0.1) < 5, "it is never idle")
        assert psutil.Process(endpoint.pid).memory_info().rss < 60e6
    finally:
        control.stop(tmp_path / "log")


def test_the_next_broker_listens_where_the_last_one_did(tmp_path: Path) -> None:
    first = control.start(tmp_path)
    os.kill(first.pid, signal.SIGKILL)
    second = control.start(tmp_path)
    try:
        assert second.port == first.port
    finally:
        control.stop(tmp_path)
    with socket.create_server(("127.0.0.1", first.port)):
        third = control.start(tmp_path)
        assert third.port != first.port
        control.stop(tmp_path)
