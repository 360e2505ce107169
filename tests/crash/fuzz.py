"""Throws frames at a broker: `python -m tests.crash.fuzz --seed 1 --frames 100000` (make fuzz)."""

import argparse
import random
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from infra.broker import control
from infra.broker.control import Endpoint
from tests.contract.broker.log_clients import Listening
from tests.crash.requests import Requests
from tests.waiting import WAIT_S

MOST_RSS = 300e6  # bytes; what clients may make it hold beyond that is for the tests of limits
MOST_LOG = 1e6
CANARY = "canary"
_MARKER = struct.pack(">ihhih", 10, 18, 0, 7777, -1)  # ApiVersions, which is answered at once


@dataclass(slots=True)
class Outcome:
    """What the broker did with the frames, and the most memory it held (bytes)."""

    frames: int = 0
    sessions: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    closed: int = 0
    most_rss: int = 0
    log_size: int = 0

    def __str__(self) -> str:
        kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(self.kinds.items()))
        return (
            f"{self.frames} frames ({kinds}) on {self.sessions} connections, of which the broker "
            f"closed {self.closed}; at most {self.most_rss / 1e6:.0f} MB, "
            f"log {self.log_size / 1e3:.0f} kB"
        )


def connect(endpoint: Listening) -> socket.socket:
    """Open a connection; an answer that does not come within five seconds is a failure."""
    return socket.create_connection((endpoint.host, endpoint.port), timeout=5)


def log_in(connection: socket.socket, endpoint: Listening, password: str | None = None) -> None:
    """Show the token, in the old way: without a request around it."""
    handshake = struct.pack(">hhihh", 17, 0, 1, -1, 5) + b"PLAIN"
    shown = endpoint.client_config()
    secret = password or shown["sasl.password"]
    plain = b"\0" + shown["sasl.username"].encode() + b"\0" + secret.encode()
    frames = (handshake, plain)
    connection.sendall(b"".join(struct.pack(">i", len(f)) + f for f in frames))


class Fuzz:
    """One broker that is fuzzed."""

    def __init__(self, endpoint: Listening, seed: int) -> None:
        self.endpoint = endpoint
        self.outcome = Outcome()
        self._chance = random.Random(seed)
        self._requests = Requests(self._chance)
        self._process = psutil.Process(endpoint.pid)

    def run(self, frames: int) -> None:
        """Send so many frames; fails when the broker ends or takes too much memory."""
        while self.outcome.frames < frames:
            self._session(min(frames - self.outcome.frames, self._chance.randint(1, 60)))
            self.outcome.sessions += 1
            rss = self._process.memory_info().rss
            self.outcome.most_rss = max(self.outcome.most_rss, rss)
            assert rss < MOST_RSS, f"{rss / 1e6:.0f} MB after {self.outcome}"

    def _session(self, frames: int) -> None:
        stranger = self._chance.random() < 0.2
        with connect(self.endpoint) as connection:
            if not stranger:
                wrong = self._chance.random() < 0.05
                log_in(connection, self.endpoint, "wrong" if wrong else None)
            for _ in range(frames):
                self.outcome.frames += 1
                if not self._send(connection):
                    self.outcome.closed += 1
                    return

    def _send(self, connection: socket.socket) -> bool:
        """Send a frame, mostly with an easy question behind it; whether the connection lives."""
        kind = self._chance.choice(("valid", "valid", "spoiled", "spoiled", "garbage", "length"))
        self.outcome.kinds[kind] += 1
        if kind == "length":
            content = b"\0\0\0\0"
            length = self._chance.choice((-1, -(2**31), 2**31 - 1, 100 << 20, 65_000, 0, 3))
        else:
            draw = {"valid": self._requests.valid, "spoiled": self._requests.spoiled}
            content = draw.get(kind, self._requests.garbage)()
            length = len(content)
        try:
            connection.sendall(struct.pack(">i", length) + content)
            if self._chance.random() < 0.1:
                return True  # and never read the answer
            connection.sendall(_MARKER)
            return self._answered(connection)
        except (ConnectionError, TimeoutError):
            return False

    def _answered(self, connection: socket.socket) -> bool:
        """Read for a moment; a request that waits keeps all behind it waiting, as it must."""
        readable, _, _ = select.select([connection], [], [], 0.002)
        return not readable or bool(connection.recv(1 << 16))


class Canary:
    """An honest client beside: it must be served all the time."""

    def __init__(self, endpoint: Listening) -> None:
        self._endpoint = endpoint
        admin = AdminClient({**endpoint.client_config()})
        if CANARY not in admin.list_topics(timeout=WAIT_S).topics:
            admin.create_topics([NewTopic(CANARY, 1, 1)])[CANARY].result()
            admin.create_topics([NewTopic("fuzz", 2, 1)])["fuzz"].result()

    def sings(self) -> None:
        """Append a record and read it back, each within a time in which a disk may stall."""
        config = self._endpoint.client_config()
        failed: list[object] = []
        producer = Producer(config | {"enable.idempotence": True, "message.timeout.ms": 40_000})
        text = b"%d" % time.monotonic_ns()
        producer.produce(CANARY, text, on_delivery=lambda e, _: failed.append(e) if e else None)
        assert producer.flush(WAIT_S) == 0
        assert failed == []
        consumer = Consumer(config | {"group.id": "canary", "enable.auto.commit": False})
        low, high = consumer.get_watermark_offsets(TopicPartition(CANARY, 0), timeout=WAIT_S)
        assert low == 0
        consumer.assign([TopicPartition(CANARY, 0, high - 1)])
        message = consumer.poll(WAIT_S)
        assert message is not None
        assert message.value() == text
        consumer.close()


@contextmanager
def serving(data_dir: Path) -> Iterator[Endpoint]:
    """Run a broker; a failure meanwhile tells how it ended, and where to read what it said."""
    command = [sys.executable, "-P", "-m", "infra.broker", f"--data-dir={data_dir}"]
    command.append(f"--log-file={data_dir / control.LOG_FILE}")
    with subprocess.Popen(command) as broker:
        try:
            while (endpoint := control.find(data_dir)) is None:
                assert broker.poll() is None
                time.sleep(0.01)
            yield endpoint
        except BaseException as failure:
            code = broker.poll()
            how = "still runs" if code is None else f"has ended with {code}"
            failure.add_note(f"the broker {how}: see {data_dir / control.LOG_FILE}")
            raise
        finally:
            broker.terminate()


def fuzz(data_dir: Path, seed: int, frames: int) -> Outcome:
    """Fuzz a new broker; returns what it did. Fails when it did not bear it."""
    with serving(data_dir) as endpoint:
        canary = Canary(endpoint)
        fuzzing = Fuzz(endpoint, seed)
        step = max(frames // 10, 1)
        while fuzzing.outcome.frames < frames:
            fuzzing.run(min(frames, fuzzing.outcome.frames + step))
            canary.sings()
        log = data_dir / control.LOG_FILE
        fuzzing.outcome.log_size = log.stat().st_size
        assert fuzzing.outcome.log_size < MOST_LOG
        found = log.read_text()
        assert "Traceback" not in found, found[found.index("Traceback") - 300 :][:3000]
        return fuzzing.outcome


def main() -> int:
    """Fuzz with a seed that is told, so that what is found can be found again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--frames", type=int, default=100_000)
    args = parser.parse_args()
    sys.stdout.write(f"seed {args.seed}\n")
    sys.stdout.flush()
    folder = Path(tempfile.mkdtemp(prefix="evctl-fuzz-"))  # kept when the broker did not bear it
    outcome = fuzz(folder / "log", args.seed, args.frames)
    shutil.rmtree(folder)
    sys.stdout.write(f"{outcome}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
