"""Kafka's own tool for segment files finds nothing wrong with those of the embedded broker."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.broker import control
from tests.contract.broker.conftest import Clients

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
Tool = Callable[..., str]


@pytest.fixture(scope="module")
def partition(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a partition with many small segments, whose broker has ended."""
    data_dir = tmp_path_factory.mktemp("dumped") / "log"
    clients = Clients(data_dir, control.start(data_dir))
    topic = clients.topic(segment_bytes="4000", index_interval_bytes="100")
    producers = [clients.producer(compression_type=codec, linger_ms=20) for codec in CODECS]
    for number in range(100):
        producer = producers[number % 5]
        for _ in range(3):
            producer.produce(topic, b"%d" % number * 40, partition=0)
        assert producer.flush(60) == 0
    control.stop(data_dir)
    return data_dir / f"{topic}-0"


def test_every_record_is_valid_and_in_its_place(partition: Path, tool: Tool) -> None:
    logs = ",".join(map(str, sorted(partition.glob("*.log"))))
    told = tool("kafka-dump-log", "--files", logs, "--deep-iteration", "--print-data-log")
    batches = [line for line in told.splitlines() if line.startswith("baseOffset:")]
    assert len(batches) == 100
    assert all(line.endswith("isvalid: true") for line in batches)
    records = re.findall(r"\| offset: (\d+) .* payload: (\d+)", told)
    assert records == [(str(n), str(n // 3) * 40) for n in range(300)]
    assert {line.split("compresscodec: ")[1].split()[0] for line in batches} == set(CODECS)


@pytest.mark.parametrize("check", ["--index-sanity-check", "--verify-index-only"])
def test_every_index_is_sane(partition: Path, tool: Tool, check: str) -> None:
    indexes = sorted([*partition.glob("*.index"), *partition.glob("*.timeindex")])
    assert len(indexes) > 4
    told = tool("kafka-dump-log", "--files", ",".join(map(str, indexes)), check)
    for wrong in ("Mismatches", "mismatch", "Found", "corrupt", "Exception"):
        assert wrong not in told


def test_indexes_lead_to_the_batches(partition: Path, tool: Tool) -> None:
    index = max(partition.glob("*.index"), key=lambda path: path.stat().st_size)
    told = tool("kafka-dump-log", "--files", str(index))
    assert len(re.findall(r"^offset: \d+ position: \d+$", told, re.MULTILINE)) > 1
