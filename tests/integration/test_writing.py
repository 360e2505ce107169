"""What a log has of a producer's records after a failure: the first ones, and none behind them."""

import random
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]  # it has no __all__

from infra.broker import control
from infra.log import reading
from infra.log.cluster import Cluster, connect
from infra.log.errors import LogUnavailable, NotAcknowledged
from infra.log.writing import Producer
from infra.settings import Settings

PLACE = ("small", 0)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A log with a topic whose batches may have 1,000 bytes; each record is a batch."""
    log = {"data_dir": str(tmp_path / "log"), "client": {"batch.num.messages": 1}}
    cluster = connect(Settings.model_validate({"log": log}))
    try:
        topic = NewTopic(PLACE[0], 1, config={"max.message.bytes": "1000"})
        for future in cluster.admin().create_topics([topic]).values():
            future.result()
        yield cluster
    finally:
        control.stop(tmp_path / "log")


@pytest.mark.parametrize("place", [0, 7, 40])
def test_nothing_is_on_the_log_behind_a_record_that_it_refuses(
    cluster: Cluster, place: int
) -> None:
    producer = Producer(cluster, linger_ms=0)
    noise = random.Random(place)
    with pytest.raises(NotAcknowledged) as failed:  # noqa: PT012 (whichever call learns of it)
        for number in range(200):
            size = 5000 if number == place else 10
            producer.send(PLACE[0], noise.randbytes(size), str(number), 0, 1000 + number, [])
        producer.flush()
    assert "too large" in str(failed.value).lower()
    assert producer.acknowledged() <= place
    with pytest.raises(NotAcknowledged):
        producer.send(PLACE[0], b"later", "later", 0, 1, [])
    assert keys(cluster) == [str(number) for number in range(len(keys(cluster)))]
    assert len(keys(cluster)) <= place


def keys(cluster: Cluster) -> list[str]:
    """Return the keys on the topic."""
    spans = {PLACE: [reading.whole(cluster, [PLACE])[PLACE]]}
    found = [m for batch in reading.messages(cluster, spans) for m in batch]
    return [(message.key() or b"").decode() for message in found]


def test_a_producer_that_has_missed_the_log_sends_nothing_more_and_says_why(
    cluster: Cluster, tmp_path: Path
) -> None:
    producer = Producer(cluster, linger_ms=0)
    producer.send(PLACE[0], b"first", "0", 0, 1000, [])
    control.stop(tmp_path / "log")
    producer.send(PLACE[0], b"second", "1", 0, 1001, [])
    cluster.down_since = monotonic() - 60
    with pytest.raises(LogUnavailable):
        producer.flush()
    with pytest.raises(LogUnavailable):  # the log may be back by now
        producer.send(PLACE[0], b"third", "2", 0, 1002, [])
