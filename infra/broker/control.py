"""Finding, starting and stopping the broker of a data directory, from any other process."""

import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from infra.broker import auth, ownership
from infra.broker.errors import AlreadyOwned, StartFailed, StopTimedOut
from infra.broker.ownership import Owner

_POLL_S = 0.01
_START_TIMEOUT_S = 60.0  # reading the log behind the last checkpoint takes well below a second
_STOP_TIMEOUT_S = 60.0  # a disk may take seconds for a sync, and each partition is synced
LOG_FILE = "broker.log"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a broker listens, and what a client shows it (SASL/PLAIN)."""

    host: str
    port: int
    username: str
    password: str
    pid: int

    @property
    def bootstrap_servers(self) -> str:
        """Host and port as Kafka's clients take them."""
        return f"{self.host}:{self.port}"

    def client_config(self) -> dict[str, str]:
        """Return the librdkafka properties that connect a client to this broker."""
        return {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": auth.MECHANISM,
            "sasl.username": self.username,
            "sasl.password": self.password,
        }


def find(data_dir: Path) -> Endpoint | None:
    """Return the endpoint of the live broker of `data_dir`, if one serves it."""
    owner = ownership.owner_of(data_dir)
    return None if owner is None else _endpoint(data_dir, owner)


def _endpoint(data_dir: Path, owner: Owner) -> Endpoint:
    return Endpoint(owner.host, owner.port, auth.USERNAME, auth.token(data_dir), owner.pid)


def start(
    data_dir: Path,
    *,
    port: int = 0,
    linger_s: float | None = None,
    log_file: Path | None = None,
    free_space_floor: int | None = None,
    cleaning_interval_s: float | None = None,
) -> Endpoint:
    """Return the endpoint of the running broker, or start one in a session of its own.

    Returns when clients can connect; processes that start one at the same time get the same one.
    Without `linger_s` a broker that was to end with its last connection stays. Without `log_file`
    it logs to `broker.log` in the data directory. Raises `BrokerError` with the broker's sentence.
    """
    deadline = time.monotonic() + _START_TIMEOUT_S
    while True:
        owner = ownership.owner_of(data_dir)
        if owner is not None:
            if linger_s is None and owner.linger_s is not None:
                os.kill(owner.pid, signal.SIGUSR1)
            return _endpoint(data_dir, owner)
        if time.monotonic() > deadline:
            raise StartFailed(
                f"The broker of {data_dir} did not begin to serve within {_START_TIMEOUT_S:g} s: "
                f"look at {log_file or data_dir / LOG_FILE}."
            )
        if ownership.is_owned(data_dir):
            time.sleep(_POLL_S)  # another starter's broker is on its way
            continue
        _spawn(data_dir, port, linger_s, log_file, free_space_floor, cleaning_interval_s)


def _spawn(
    data_dir: Path,
    port: int,
    linger_s: float | None,
    log_file: Path | None,
    free_space_floor: int | None,
    cleaning_interval_s: float | None,
) -> None:
    """Start a broker and wait until it serves; one that lost a race is no error."""
    command = [
        sys.executable,
        "-P",
        "-m",
        "infra.broker",
        f"--data-dir={data_dir}",
        f"--port={port}",
    ]
    command.append(f"--log-file={log_file or data_dir / LOG_FILE}")
    if linger_s is not None:
        command.append(f"--linger-s={linger_s}")
    if free_space_floor is not None:
        command.append(f"--free-space-floor={free_space_floor}")
    if cleaning_interval_s is not None:
        command.append(f"--cleaning-interval-s={cleaning_interval_s}")
    ownership.prepare(data_dir)
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen(
            [*command, f"--ready-fd={writing}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=[writing],
        )
    finally:
        os.close(writing)
    with os.fdopen(reading) as pipe:
        ready, _, _ = select.select([pipe], [], [], _START_TIMEOUT_S)
        line = pipe.readline().strip() if ready else ""
    process.wait()  # it has detached the broker, or ended with the reason in `line`
    code, _, sentence = line.partition(" ")
    if line == "ready" or code == str(AlreadyOwned.exit_code):
        return
    failure = StartFailed(
        sentence or f"The broker of {data_dir} ended before it served: look at its log."
    )
    failure.exit_code = int(code or failure.exit_code)
    raise failure


def stop(data_dir: Path, timeout_s: float = _STOP_TIMEOUT_S) -> bool:
    """Stop the broker of `data_dir` and wait for its end; returns whether one was running.

    Raises `StopTimedOut` if it does not end in time.
    """
    owner = ownership.owner_of(data_dir)
    if owner is None:
        return False
    os.kill(owner.pid, signal.SIGTERM)
    deadline = time.monotonic() + timeout_s
    while ownership.is_owned(data_dir):
        if time.monotonic() > deadline:
            raise StopTimedOut(owner.pid, timeout_s)
        time.sleep(_POLL_S)
    return True
