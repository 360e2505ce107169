"""kcat, a client that is not ours, against the embedded broker."""

from collections.abc import Callable

from tests.contract.broker.conftest import Clients

Kcat = Callable[..., str]


def test_it_lists_topics(clients: Clients, kcat: Kcat) -> None:
    topic = clients.topic(partitions=2)
    assert f'topic "{topic}" with 2 partitions' in kcat("-L")


def test_it_produces_and_consumes(clients: Clients, kcat: Kcat) -> None:
    topic = clients.topic()
    lines = [f"line {n}" for n in range(500)]
    kcat("-P", "-t", topic, "-z", "zstd", stdin="\n".join(lines))
    assert kcat("-C", "-t", topic, "-e", "-q", "-o", "beginning").splitlines() == lines


def test_it_finds_offsets_by_time(clients: Clients, kcat: Kcat) -> None:
    topic = clients.topic()
    producer = clients.producer()
    for time_ms in (1000, 2000, 3000):
        producer.produce(topic, b"v", partition=0, timestamp=time_ms)
    assert producer.flush(10) == 0
    assert f"{topic} [0] offset 1" in kcat("-Q", "-t", f"{topic}:0:1500")


def test_it_reads_as_a_group(clients: Clients, kcat: Kcat) -> None:
    topic = clients.topic(partitions=2)
    kcat("-P", "-t", topic, stdin="\n".join(map(str, range(100))))
    found = kcat("-G", "kcat", "-q", "-c", "100", "-X", "auto.offset.reset=earliest", topic)
    assert sorted(map(int, found.splitlines())) == list(range(100))
