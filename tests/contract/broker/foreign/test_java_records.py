"""Kafka's own producers and consumers: console, verifiable and performance tests."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.broker.conftest import Clients, unique

Tool = Callable[..., str]
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


@pytest.fixture
def server(clients: Clients) -> tuple[str, str]:
    """The option that names the broker."""
    return "--bootstrap-server", clients.endpoint.client_config()["bootstrap.servers"]


@pytest.mark.parametrize("codec", CODECS)
def test_the_console_writes_and_reads(
    clients: Clients, tool: Tool, java_config: Path, server: tuple[str, str], codec: str
) -> None:
    topic = clients.topic()
    lines = [f"h:{n}\tkey {n}\tvalue {n}" for n in range(300)]
    tool(
        *("kafka-console-producer", *server, "--producer.config", str(java_config)),
        *("--topic", topic, "--compression-codec", codec),
        *("--property", "parse.key=true", "--property", "parse.headers=true"),
        stdin="\n".join(lines) + "\n",
    )
    assert clients.read(topic, 300) == [b"value %d" % n for n in range(300)]
    shown = tool(
        *("kafka-console-consumer", *server, "--consumer.config", str(java_config)),
        *("--topic", topic, "--from-beginning", "--max-messages", "300"),
        *("--group", unique("console"), "--property", "print.key=true"),
        *("--property", "print.headers=true", "--timeout-ms", "60000"),
    )
    assert shown.splitlines() == lines


def test_it_reads_every_codec_of_ours(
    clients: Clients, tool: Tool, java_config: Path, server: tuple[str, str]
) -> None:
    topic = clients.topic()
    for codec in CODECS:
        values = [b"%s %d" % (codec.encode(), n) for n in range(100)]
        clients.produce(topic, values, compression_type=codec, linger_ms=20)
    shown = tool(
        *("kafka-console-consumer", *server, "--consumer.config", str(java_config)),
        *("--topic", topic, "--partition", "0", "--offset", "50", "--max-messages", "450"),
        *("--timeout-ms", "60000"),
    )
    assert shown.splitlines() == [f"{codec} {n}" for codec in CODECS for n in range(100)][50:]


def test_the_verifiable_ones_lose_nothing(
    clients: Clients, tool: Tool, java_config: Path, server: tuple[str, str]
) -> None:
    topic = clients.topic(partitions=2)
    sent = events(
        tool(
            *("kafka-verifiable-producer", *server, "--producer.config", str(java_config)),
            *("--topic", topic, "--max-messages", "1000"),
        )
    )
    acked = [
        (e["partition"], e["offset"], e["value"]) for e in named(sent, "producer_send_success")
    ]
    assert len(acked) == 1000
    read = events(
        tool(
            *("kafka-verifiable-consumer", *server, "--consumer.config", str(java_config)),
            *("--topic", topic, "--group-id", unique("verifiable"), "--max-messages", "1000"),
            *("--reset-policy", "earliest", "--verbose", "--session-timeout", "10000"),
        )
    )
    found = [(e["partition"], e["offset"], e["value"]) for e in named(read, "record_data")]
    assert sorted(found) == sorted(acked)
    assert all(event["success"] for event in named(read, "offsets_committed"))


def events(lines: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.splitlines() if line.startswith("{")]


def named(found: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [event for event in found if event["name"] == name]


@pytest.mark.parametrize("acks", ["0", "1", "all"])
def test_the_performance_test_runs(
    clients: Clients, tool: Tool, java_config: Path, server: tuple[str, str], acks: str
) -> None:
    topic = clients.topic(partitions=3)
    told = tool(
        *("kafka-producer-perf-test", "--topic", topic, "--num-records", "20000"),
        *("--record-size", "100", "--throughput", "-1", "--producer.config", str(java_config)),
        *("--producer-props", f"bootstrap.servers={server[1]}", f"acks={acks}"),
        *(f"enable.idempotence={str(acks == 'all').lower()}", "compression.type=lz4"),
    )
    assert "20000 records sent" in told
    ends = [clients.offset(topic, "latest", partition).offset for partition in range(3)]
    assert sum(ends) == 20_000
