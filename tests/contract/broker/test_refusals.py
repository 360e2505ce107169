"""Requests that should not be made, or that their topic does not outlive: told as Kafka does."""

import time

from crc32c import crc32c

from tests.contract.broker.conftest import Clients, client_config
from tests.contract.broker.raw_client import RawClient
from tests.unit.broker.batches import batch

INVALID_RECORD, WAIT_MS = 87, 30_000
UNKNOWN_TOPIC, NOT_LEADER = 3, 6


def produced(raw: RawClient, topic: str, records: bytes) -> int:
    """Send one batch to partition 0, and return the error code of the answer."""
    told = raw.ask(
        "Produce",
        7,
        transactional_id=None,
        acks=-1,
        timeout=10_000,
        topic_data=[{"name": topic, "partition_data": [{"index": 0, "records": records}]}],
    )
    code: int = told.responses[0].partition_responses[0].error_code
    return code


def test_a_producer_id_needs_a_sequence(clients: Clients) -> None:
    topic = clients.topic()
    records = bytes(batch([0], pid=1, epoch=0, sequence=-1))
    with RawClient(client_config(clients.endpoint)) as raw:
        assert produced(raw, topic, records) == INVALID_RECORD


def test_a_fetch_does_not_wait_for_a_topic_that_was_deleted(clients: Clients) -> None:
    topic = clients.topic()
    with RawClient(client_config(clients.endpoint)) as raw:
        raw.send(
            "Fetch",
            4,
            replica_id=-1,
            max_wait=WAIT_MS,
            min_bytes=1,
            max_bytes=1000,
            isolation_level=0,
            topics=[
                {
                    "topic": topic,
                    "partitions": [
                        {"partition": 0, "fetch_offset": 0, "partition_max_bytes": 1000}
                    ],
                }
            ],
        )
        began = time.monotonic()
        clients.admin.delete_topics([topic])[topic].result()
        answer = raw.answer("Fetch", 4)
    assert time.monotonic() - began < WAIT_MS / 1000
    # Apache Kafka gives up the leadership first; a fetch that wakes between is told of that
    assert answer.responses[0].partitions[0].error_code in {UNKNOWN_TOPIC, NOT_LEADER}


def test_records_need_room_in_their_batch(clients: Clients) -> None:
    topic = clients.topic()
    made = batch([0])
    made[23:27] = (2).to_bytes(4, "big")  # last offset delta
    made[57:61] = (3).to_bytes(4, "big")  # number of records
    made[17:21] = crc32c(made[21:]).to_bytes(4, "big")
    with RawClient(client_config(clients.endpoint)) as raw:
        told = produced(raw, topic, bytes(made))
    assert told == INVALID_RECORD
