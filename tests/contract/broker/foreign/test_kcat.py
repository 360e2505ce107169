"""kcat, set by a file as `evctl broker client-config` prints it."""

import json
from collections.abc import Callable

import pytest

from tests.contract.broker.conftest import Clients, unique

Kcat = Callable[..., str]
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


def test_it_lists_topics(clients: Clients, kcat: Kcat) -> None:
    topic = clients.topic(partitions=2)
    assert f'topic "{topic}" with 2 partitions' in kcat("-L")
    found = json.loads(kcat("-L", "-J", "-t", topic))
    (described,) = found["topics"]
    assert [p["partition"] for p in described["partitions"]] == [0, 1]
    assert [b["name"] for b in found["brokers"]] == [f"127.0.0.1:{clients.endpoint.port}"]


@pytest.mark.parametrize("codec", CODECS)
def test_it_produces_and_consumes(clients: Clients, kcat: Kcat, codec: str) -> None:
    topic = clients.topic()
    lines = [f"line {n}" for n in range(500)]
    kcat("-P", "-t", topic, "-z", codec, stdin="\n".join(lines))
    assert kcat("-C", "-t", topic, "-e", "-q", "-o", "beginning").splitlines() == lines
    assert kcat("-C", "-t", topic, "-e", "-q", "-o", "-3").splitlines() == lines[-3:]


def test_it_keeps_keys_headers_and_nulls(clients: Clients, kcat: Kcat) -> None:
    topic = clients.topic()
    kcat("-P", "-t", topic, "-p", "0", "-K:", "-H", "a=1", "-H", "b=", "-Z", stdin="k:v\nk:\n")
    shown = kcat("-C", "-t", topic, "-e", "-q", "-J").splitlines()
    first, second = map(json.loads, shown)
    assert (first["key"], first["payload"], first["offset"]) == ("k", "v", 0)
    assert first["headers"] == ["a", "1", "b", ""]
    assert (second["key"], second["payload"]) == ("k", None)


def test_it_finds_offsets_by_time(clients: Clients, kcat: Kcat) -> None:
    topic = clients.topic(retention_ms="-1")
    producer = clients.producer()
    for time_ms in (1000, 2000, 3000):
        producer.produce(topic, b"v", partition=0, timestamp=time_ms)
    assert producer.flush(60) == 0
    for asked, offset in (("1500", 1), ("3000", 2), ("-1", 3), ("-2", 0)):
        assert f"{topic} [0] offset {offset}" in kcat("-Q", "-t", f"{topic}:0:{asked}")


def test_it_reads_as_a_group(clients: Clients, kcat: Kcat) -> None:
    topic, group = clients.topic(partitions=2), unique("kcat")
    kcat("-P", "-t", topic, stdin="\n".join(map(str, range(100))))
    options = ("-q", "-X", "auto.offset.reset=earliest")
    found = kcat("-G", group, *options, "-c", "100", topic)
    assert sorted(map(int, found.splitlines())) == list(range(100))
    kcat("-P", "-t", topic, stdin="after")
    assert kcat("-G", group, *options, "-c", "1", topic) == "after\n"
