"""What a reader holds at once is bounded in bytes, however large the records are."""

from pathlib import Path

import pytest
from confluent_kafka import TopicPartition

from infra.broker import control
from infra.log import topics
from infra.log.cluster import connect
from infra.log.portions import MOST_BYTES, portion
from infra.log.writing import Producer
from infra.settings import Settings
from schemas.topics import ALERTS, MiB


@pytest.mark.parametrize(("size", "count"), [(8 * MiB, 24), (100, 5_000)])
def test_a_portion_has_a_limit_of_bytes_and_of_messages(
    tmp_path: Path, size: int, count: int
) -> None:
    cluster = connect(Settings.model_validate({"log": {"data_dir": str(tmp_path / "log")}}))
    try:
        topics.ensure(cluster, [ALERTS])
        producer = Producer(cluster)
        for number in range(count):
            value = number.to_bytes(4, "big") * (size // 4)
            producer.send(ALERTS.name, value, None, 0, 1 + number, [])
        producer.flush()
        consumer = cluster.consumer()
        consumer.assign([TopicPartition(ALERTS.name, 0, 0)])
        read, most = 0, 2_000
        while read < count:
            got = portion(consumer, most, 0.5)
            assert all(message.error() is None for message in got)
            assert len(got) <= most
            assert sum(map(len, got)) <= 4 * MOST_BYTES
            assert [message.offset() for message in got] == list(range(read, read + len(got)))
            read += len(got)
        consumer.close()
    finally:
        control.stop(tmp_path / "log")


def test_a_portion_ends_when_its_time_is_over(tmp_path: Path) -> None:
    cluster = connect(Settings.model_validate({"log": {"data_dir": str(tmp_path / "log")}}))
    try:
        topics.ensure(cluster, [ALERTS])
        consumer = cluster.consumer()
        consumer.assign([TopicPartition(ALERTS.name, 0, 0)])
        assert portion(consumer, 10, 0.05) == []
        consumer.close()
    finally:
        control.stop(tmp_path / "log")
