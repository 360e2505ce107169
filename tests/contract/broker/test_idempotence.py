"""What an idempotent producer is answered, batch by batch: repeats, gaps and epochs."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.broker.conftest import Clients
from tests.contract.broker.raw_client import RawClient
from tests.unit.broker.batches import batch

OUT_OF_ORDER, DUPLICATE, OLD_EPOCH, CORRUPT = 45, 46, 47, 2
NOT_YET_LEADER = 6  # a Kafka that has just created the topic
NOT_READY = {14, 15, 16}  # the coordinator of a Kafka that has just started


class Sender:
    """An idempotent producer that sends what it is told to, with a topic of its own."""

    def __init__(self, clients: Clients, raw: RawClient) -> None:
        self.clients = clients
        self.topic = clients.topic()
        self._raw = raw
        self.producer_id = self._begin()

    def _begin(self) -> int:
        deadline = time.monotonic() + 60
        values = {"transactional_id": None, "transaction_timeout": 60_000}
        values |= {"producer_id": -1, "producer_epoch": -1}
        while True:
            given = self._raw.ask("InitProducerId", 4, **values)
            if given.error_code == 0:
                return int(given.producer_id)
            assert given.error_code in NOT_READY, given
            assert time.monotonic() < deadline

    def send(self, sequence: int, count: int = 2, epoch: int = 0, spoiled: int = 0) -> Any:
        """Send a batch, and return the answer for the partition; `spoiled` is a byte to change."""
        times = [1_700_000_000_000] * count
        records = batch(times, pid=self.producer_id, epoch=epoch, sequence=sequence)
        records[-1] ^= spoiled
        data = {"name": self.topic, "partition_data": [{"index": 0, "records": bytes(records)}]}
        values = {"transactional_id": None, "acks": -1, "timeout": 10_000, "topic_data": [data]}
        deadline = time.monotonic() + 60
        while True:
            response = self._raw.ask("Produce", 9, **values).responses[0]
            if response.partition_responses[0].error_code != NOT_YET_LEADER:
                return response.partition_responses[0]
            assert time.monotonic() < deadline

    def sent(self, *sequences: int) -> list[int]:
        """Send batches, and return their offsets; all of them must be taken."""
        answers = [self.send(sequence) for sequence in sequences]
        assert [int(answer.error_code) for answer in answers] == [0] * len(answers)
        return [int(answer.base_offset) for answer in answers]

    @property
    def end(self) -> int:
        """The offset behind the last record."""
        return self.clients.offset(self.topic, "latest").offset


@pytest.fixture
def sender(clients: Clients) -> Iterator[Sender]:
    """A producer that is closed after the test."""
    with RawClient(clients.endpoint.client_config()) as raw:
        yield Sender(clients, raw)


def test_a_batch_that_comes_again_is_answered_with_its_first_offset(sender: Sender) -> None:
    assert sender.sent(0, 2, 4) == [0, 2, 4]
    assert sender.sent(4, 4, 2, 0) == [4, 4, 2, 0]
    assert sender.end == 6
    assert sender.sent(6) == [6]


def test_the_last_five_batches_are_known(sender: Sender) -> None:
    assert sender.sent(*range(0, 14, 2)) == list(range(0, 14, 2))
    assert sender.sent(*range(4, 14, 2)) == list(range(4, 14, 2))
    assert int(sender.send(2).error_code) in {OUT_OF_ORDER, DUPLICATE}
    assert sender.end == 14


def test_a_gap_is_refused(sender: Sender) -> None:
    assert sender.sent(0) == [0]
    assert int(sender.send(4).error_code) == OUT_OF_ORDER
    assert sender.end == 2
    assert sender.sent(2) == [2]


def test_a_new_epoch_begins_at_0_and_ends_the_old_one(sender: Sender) -> None:
    assert sender.sent(0) == [0]
    assert int(sender.send(2, epoch=1).error_code) == OUT_OF_ORDER
    assert int(sender.send(0, epoch=1).error_code) == 0
    assert int(sender.send(2, epoch=0).error_code) == OLD_EPOCH
    assert sender.end == 4


def test_a_producer_that_is_not_known_may_begin_anywhere(sender: Sender) -> None:
    assert sender.sent(40) == [0]
    assert sender.sent(42) == [2]


def test_a_spoiled_batch_is_refused_and_may_come_again(sender: Sender) -> None:
    assert int(sender.send(0, spoiled=1).error_code) == CORRUPT
    assert sender.end == 0
    assert sender.sent(0) == [0]


def test_producers_have_ids_of_their_own(clients: Clients) -> None:
    with RawClient(clients.endpoint.client_config()) as raw:
        ids = [Sender(clients, raw).producer_id for _ in range(20)]
    assert len(set(ids)) == 20
