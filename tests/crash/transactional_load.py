"""A producer whose transactions the kills cut: each is there once and whole, or not at all."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import pairwise

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from infra.broker.control import Endpoint
from tests.crash.loads import PARTITIONS, QUICK, Quiet, Verdict, create
from tests.waiting import WAIT_S

_COMMITS = 0.7  # of the transactions; the others are aborted


class TransactionalLoad:
    """Numbers its transactions and the records in them, and knows which were committed.

    It works in a thread of its own, since the end of a transaction waits for the broker.
    """

    def __init__(self, endpoint: Endpoint, topic: str, configs: Mapping[str, str]) -> None:
        create(endpoint, topic, configs)
        self.topic = topic
        options = {**QUICK, "transactional.id": topic, "transaction.timeout.ms": 60_000}
        self.producer = Producer(endpoint.client_config() | options)
        self.producer.init_transactions(WAIT_S)
        self.chance = random.Random(topic)
        self.committed: list[int] = []
        self.sizes: list[int] = []
        self.failed: list[BaseException] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name=topic, daemon=True)
        self._thread.start()

    @property
    def settled(self) -> int:
        """How many transactions have been committed until now; a load that ended says why."""
        if self.failed:
            raise self.failed[0]
        return len(self.committed)

    def step(self) -> None:
        """Do nothing: the thread works."""

    def _work(self) -> None:
        try:
            while not self._ending.is_set():
                self._transaction()
        except (KafkaException, BufferError) as fault:
            self.failed.append(fault)

    def _transaction(self) -> None:
        """Send some records to all partitions, and commit or abort them."""
        number, size = len(self.sizes), self.chance.randrange(1, 8)
        self.sizes.append(size)
        self.producer.begin_transaction()
        for part in range(size):
            for partition in range(PARTITIONS):
                self.producer.produce(self.topic, b"%d-%d" % (number, part), partition=partition)
        if self.chance.random() < _COMMITS:
            if self._ends(self.producer.commit_transaction):
                self.committed.append(number)
                return
        elif self._ends(self.producer.abort_transaction):
            return
        while not self._ends(self.producer.abort_transaction):
            pass

    def _ends(self, end: Callable[[float], None]) -> bool:
        """Try until it has ended; returns whether it has as it was to."""
        while True:
            try:
                end(WAIT_S)
            except KafkaException as refused:
                error = refused.args[0]
                if error.txn_requires_abort():
                    return False
                if not error.retriable():
                    raise
            else:
                return True

    def finish(self) -> None:
        """Let the last transaction end."""
        self._ending.set()
        self._thread.join(2 * WAIT_S)
        assert not self._thread.is_alive()

    def verdict(self, endpoint: Endpoint) -> Verdict:
        """Read what readers of committed records see, from start to end."""
        found = Verdict(self.topic, refused=len(self.failed))
        expected = [(n, part) for n in self.committed for part in range(self.sizes[n])]
        for partition in range(PARTITIONS):
            values = _read(endpoint, self.topic, partition)
            counts = Counter(values)
            found.acked += len(expected)
            found.lost += len(set(expected) - counts.keys())
            unwanted = sum(counts[value] for value in counts.keys() - set(expected))
            found.duplicated += sum(number - 1 for number in counts.values()) + unwanted
            found.disordered += sum(b < a for a, b in pairwise(values))
        return found


def _read(endpoint: Endpoint, topic: str, partition: int) -> list[tuple[int, int]]:
    """Read all committed records of a partition, which must have no open transaction."""
    here = TopicPartition(topic, partition, 0)
    low, high = _consumer(endpoint, "read_uncommitted").get_watermark_offsets(here, timeout=WAIT_S)
    consumer = _consumer(endpoint, "read_committed")
    stable = consumer.get_watermark_offsets(here, timeout=WAIT_S)
    assert stable == (low, high), "a transaction is open"
    consumer.assign([here])
    found: list[tuple[int, int]] = []
    while True:
        message = consumer.poll(WAIT_S)
        assert message is not None
        if message.error() is None:
            number, _, part = (message.value() or b"").partition(b"-")
            found.append((int(number), int(part)))
        elif message.offset() == high:
            consumer.close()
            return found


def _consumer(endpoint: Endpoint, isolation: str) -> Consumer:
    options = {"group.id": "reader", "enable.partition.eof": True, "logger": Quiet()}
    return Consumer(endpoint.client_config() | options | {"isolation.level": isolation})
