"""Our partitioner agrees with librdkafka's, which agrees with Java's."""

from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]  # it has no __all__

from infra.broker import control
from infra.log.cluster import connect
from infra.log.partitioning import murmur2, partition_of
from infra.settings import Settings


def test_keys_go_where_librdkafka_puts_them(tmp_path: Path) -> None:
    cluster = connect(Settings.model_validate({"log": {"data_dir": str(tmp_path / "log")}}))
    try:
        (made,) = cluster.admin().create_topics([NewTopic("many", 7)]).values()
        made.result()
        found: dict[bytes | None, int | None] = {}
        producer: Producer = cluster.producer(delivery_report_only_error=False)
        keys = ["x" * n + "äß" * (n % 3) + str(n * n) for n in range(200)]
        for key in keys:
            producer.produce(
                "many",
                b"",
                key,
                on_delivery=lambda error, m: found.update({m.key(): m.partition()}),
            )
        assert producer.flush(30) == 0
        assert found == {key.encode(): partition_of(key, 7) for key in keys}
    finally:
        control.stop(tmp_path / "log")


@pytest.mark.parametrize(
    ("text", "hashed"),
    [("21", -973932308), ("foobar", -790332482), ("abc", 479470107)],
)
def test_the_hash_is_that_of_java(text: str, hashed: int) -> None:
    """Known values of Kafka's own test of `Utils.murmur2`."""
    assert murmur2(text.encode()) == hashed & 0xFFFF_FFFF
