"""Kills the broker under load: `python -m tests.crash.campaign --seed 1 --rounds 500` (make crash).

Each round the load runs for a random time, the broker is killed, torn tails are left behind its
logs, and the next one is started. At the end everything is read back.
"""

import argparse
import os
import random
import re
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from infra.broker import check, control, ownership
from infra.broker.control import Endpoint
from infra.kafka.node import free_port
from tests.crash.loads import QUICK, IdempotentLoad, Load, Verdict, create, tear
from tests.crash.transactional_load import TransactionalLoad
from tests.waiting import WAIT_S

HISTORY = "history"
JOURNALS = ("transactions.log", "committed-offsets.log", "groups.log")
LOADS: dict[str, Callable[[Endpoint], Load]] = {
    "plain": lambda e: IdempotentLoad(e, "plain", {}),
    "small-segments": lambda e: IdempotentLoad(
        e, "small-segments", {"segment.bytes": "60000", "index.interval.bytes": "500"}
    ),
    "synced": lambda e: IdempotentLoad(e, "synced", {"flush.messages": "1"}),
    "transactions": lambda e: TransactionalLoad(
        e, "transactions", {"segment.bytes": "60000", "index.interval.bytes": "500"}
    ),
    "synced-transactions": lambda e: TransactionalLoad(
        e, "synced-transactions", {"flush.messages": "1"}
    ),
}


@dataclass(slots=True)
class Result:
    """What a campaign found; recovery is the time from a start to its first metadata (s)."""

    seed: int
    rounds: int
    history_bytes: int
    verdicts: list[Verdict] = field(default_factory=list)
    recovery_s: list[float] = field(default_factory=list)
    opening_s: list[float] = field(default_factory=list)  # of that, the reading of the logs
    findings: int = 0

    @property
    def p95_s(self) -> float:
        """The time that 95 % of the starts do not exceed."""
        return _p95(self.recovery_s)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, doubled, disordered or damaged."""
        return not self.findings and all(verdict.is_clean for verdict in self.verdicts)

    def __str__(self) -> str:
        title = (
            f"Seed {self.seed}, {self.rounds} kills, beside a log of "
            f"{self.history_bytes / 1e9:.1f} GB."
        )
        head = "| load | acknowledged | lost | duplicated | out of order | refused |"
        rows = [
            f"| {v.load} | {v.acked} | {v.lost} | {v.duplicated} | {v.disordered} | {v.refused} |"
            for v in self.verdicts
        ]
        starts = (
            f"Start to first metadata: p50 {median(self.recovery_s):.3f} s, p95 {self.p95_s:.3f} s,"
            f" longest {max(self.recovery_s):.3f} s (bar: p95 0.5 s). "
            f"Of that, reading the logs: p95 {_p95(self.opening_s):.3f} s. "
            f"`evctl broker check`: {self.findings} findings."
        )
        rule = "| --- | ---: | ---: | ---: | ---: | ---: |"
        return "\n".join([title, "", head, rule, *rows, "", starts])


def _p95(times_s: list[float]) -> float:
    if len(times_s) < 2:
        return max(times_s, default=0.0)
    return quantiles(times_s, n=20, method="inclusive")[-1]


class Campaign:
    """One data directory, its loads, and who kills the broker."""

    def __init__(self, data_dir: Path, seed: int, loads: list[str]) -> None:
        self._data_dir = data_dir
        self._chance = random.Random(seed)
        # a port that the system gives to nobody while the broker is away
        self._endpoint = control.start(data_dir, port=free_port())
        self._loads = [LOADS[name](self._endpoint) for name in loads]
        self.result = Result(seed, 0, 0)

    def run(self, rounds: int) -> None:
        """Kill the broker so many times."""
        for _ in range(rounds):
            self._work_until_all_went_on()
            self._work(self._chance.uniform(0.0, 0.2))
            kill(self._data_dir, self._endpoint)
            self._work(0.02)
            for load in self._loads:
                for directory in sorted(self._data_dir.glob(f"{load.topic}-[0-9]")):
                    tear(max(directory.glob("*.log")), self._chance)
            for store in JOURNALS:
                tear(self._data_dir / store, self._chance)
            began = time.monotonic()
            self._endpoint = control.start(self._data_dir, port=self._endpoint.port)
            AdminClient({**self._endpoint.client_config()}).list_topics(timeout=WAIT_S)
            self.result.recovery_s.append(time.monotonic() - began)
            self.result.rounds += 1

    def _work_until_all_went_on(self) -> None:
        """Let every load get an answer: a client that only waits proves nothing."""
        before = [load.settled for load in self._loads]
        deadline = time.monotonic() + WAIT_S
        while any(load.settled == b for load, b in zip(self._loads, before, strict=True)):
            stuck = [x.topic for x, b in zip(self._loads, before, strict=True) if x.settled == b]
            assert time.monotonic() < deadline, f"{stuck} do not go on after {self.result.rounds}"
            self._work(0.01)

    def _work(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for load in self._loads:
                load.step()
            time.sleep(0.001)  # the broker has the same few cores

    def fill(self, size: int) -> None:
        """Append a history of `size` bytes, in large records."""
        if not size:
            return
        create(self._endpoint, HISTORY, {"segment.bytes": str(256 << 20)})
        producer = Producer(self._endpoint.client_config() | QUICK)
        value = os.urandom(500_000)
        for _ in range(size // len(value)):
            while len(producer) > 100:
                producer.poll(0.01)
            producer.produce(HISTORY, value, partition=0)
        assert producer.flush(60) == 0
        self.result.history_bytes = size

    def finish(self) -> Result:
        """Let all settle, read everything back, and check the files."""
        for load in self._loads:
            load.finish()
        self.result.verdicts = [load.verdict(self._endpoint) for load in self._loads]
        control.stop(self._data_dir, timeout_s=60)
        log = (self._data_dir / control.LOG_FILE).read_text()
        self.result.opening_s = [float(t) for t in re.findall(r"opened in ([\d.]+) s", log)]
        verified = check.verify(self._data_dir, online=False)
        self.result.findings = sum(len(partition.findings) for partition in verified)
        return self.result

    def stop(self) -> None:
        """End the broker, whatever happened."""
        control.stop(self._data_dir)


def kill(data_dir: Path, endpoint: Endpoint) -> None:
    """End the broker without a chance to write anything."""
    os.kill(endpoint.pid, signal.SIGKILL)
    wait_until_free(data_dir)


def wait_until_free(data_dir: Path) -> None:
    """Wait for the end of a broker that was killed."""
    deadline = time.monotonic() + WAIT_S
    while ownership.is_owned(data_dir):
        assert time.monotonic() < deadline
        time.sleep(0.002)


def run(
    data_dir: Path, seed: int, rounds: int, history_bytes: int, loads: list[str] | None = None
) -> Result:
    """Run a campaign in a new directory."""
    campaign = Campaign(data_dir, seed, loads or list(LOADS))
    try:
        campaign.fill(history_bytes)
        campaign.run(rounds)
        return campaign.finish()
    finally:
        campaign.stop()


def main() -> int:
    """Run a campaign and print its table; ends with 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--history-gb", type=float, default=3.0)
    parser.add_argument("--load", action="append", choices=list(LOADS))
    args = parser.parse_args()
    sys.stderr.write(f"seed {args.seed}\n")
    with tempfile.TemporaryDirectory(prefix="evctl-crash-") as folder:
        size = int(args.history_gb * 1e9)
        result = run(Path(folder) / "log", args.seed, args.rounds, size, args.load)
    sys.stdout.write(f"{result}\n")
    return 0 if result.is_clean and result.p95_s <= 0.5 else 1


if __name__ == "__main__":
    sys.exit(main())
