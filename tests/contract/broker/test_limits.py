"""What the embedded broker refuses or does otherwise than Kafka, on purpose."""

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.cimpl import NewTopic

from tests.contract.broker.conftest import Clients, unique


@pytest.fixture(scope="module")
def clients(embedded: Clients) -> Clients:
    """Clients of the embedded broker alone."""
    return embedded


@pytest.mark.parametrize(
    "setting",
    [
        {"message.timestamp.type": "LogAppendTime"},  # would need every batch's checksum anew
        {"message.timestamp.after.max.ms": "3600000"},
        {"message.timestamp.before.max.ms": "3600000"},
        {"compression.type": "zstd"},  # batches stay as their producers made them
        {"min.insync.replicas": "2"},
        {"remote.storage.enable": "true"},
    ],
)
def test_a_setting_that_can_not_be_honoured_is_refused(clients: Clients, setting: Any) -> None:
    name = unique("refused")
    with pytest.raises(KafkaException) as refused:
        clients.admin.create_topics([NewTopic(name, 1, 1, config=setting)])[name].result()
    assert refused.value.args[0].code() == KafkaError.INVALID_CONFIG


def test_a_deleted_topic_leaves_no_files(clients: Clients) -> None:
    topic = clients.topic()
    clients.produce(topic, [b"v"])
    assert (clients.data_dir / f"{topic}-0").is_dir()
    clients.admin.delete_topics([topic])[topic].result()
    assert not (clients.data_dir / f"{topic}-0").exists()


def test_segments_may_be_smaller_than_kafkas_least(clients: Clients) -> None:
    topic = clients.topic(segment_bytes="1024")
    for number in range(3):
        clients.produce(topic, [b"%d" % number * 1000])
    assert len(list((clients.data_dir / f"{topic}-0").glob("*.log"))) == 3
