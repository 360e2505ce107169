"""A coordinator of transactions with all it needs, without a network."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from infra.broker.errors import Code
from infra.broker.groups.offsets import Committed, CommittedOffsets
from infra.broker.groups.registry import Groups
from infra.broker.storage.batch import header_at
from infra.broker.storage.disk import Disk
from infra.broker.storage.log import PartitionLog
from infra.broker.storage.markers import is_commit
from infra.broker.storage.producer_ids import ProducerIds
from infra.broker.storage.topics import Topics
from infra.broker.transactions.coordinator import Coordinator
from infra.broker.transactions.transaction import Transaction
from tests.unit.broker.batches import batch

PLACES = [("a", 0), ("a", 1), ("b", 0)]
KEY = ("group", "a", 0)


class Stage:
    """A coordinator with all it needs, in one data directory."""

    def __init__(self, data_dir: Path) -> None:
        self.disk = Disk(data_dir, 0)
        self.topics = Topics(data_dir, self.disk)
        self.offsets = CommittedOffsets(data_dir)
        self.groups = Groups(data_dir, self.offsets)
        self.producer_ids = ProducerIds(data_dir)
        self.coordinator = Coordinator(
            data_dir, self.topics, self.offsets, self.producer_ids, self.disk
        )
        self.store = self.coordinator._store

    async def open(self) -> None:
        self.topics.open()
        for name, partitions in (("a", 2), ("b", 1)):
            if name not in self.topics.by_name:
                await self.topics.create(self.topics.check(name, partitions, 1, {}))
        await self.coordinator.open()

    def log(self, place: tuple[str, int]) -> PartitionLog:
        return self.topics.partition(*place).log

    def send(self, known: Transaction, sequence: int = 0) -> None:
        """Write one record to each partition."""
        for place in PLACES:
            made = batch(
                [0],
                pid=known.producer_id,
                epoch=known.epoch,
                sequence=sequence,
                transactional=True,
            )
            produced, _ = self.topics.partition(*place).append(memoryview(made))
            assert produced.error == Code.NONE, produced.message

    async def begun(self) -> Transaction:
        """Begin a transaction that has sent a record to each partition, and an offset."""
        known = await self.coordinator.initialise("t", 60_000, None)
        sender = (known.producer_id, known.epoch)
        self.coordinator.add_partitions("t", *sender, PLACES)
        self.coordinator.add_group("t", *sender, "group")
        self.coordinator.add_offsets("t", *sender, "group", [(KEY, Committed(7))])
        self.send(known)
        return self.store.by_id["t"]

    def markers(self) -> list[list[bool]]:
        """Return, for each partition, whether each of its markers commits."""
        found = []
        for place in PLACES:
            log, offset, kinds = self.log(place), 0, []
            while data := log.read(offset, 1):
                header = header_at(data)
                offset = header.last_offset + 1
                kind = is_commit(data, header)
                if kind is not None:
                    kinds.append(kind)
            found.append(kinds)
        return found

    def everything_is_decided(self) -> bool:
        return all(
            self.log(place).last_stable_offset == self.log(place).end_offset for place in PLACES
        )


@asynccontextmanager
async def stage(data_dir: Path) -> AsyncIterator[Stage]:
    """Open the directory, and leave it as a process that is killed does."""
    opened = Stage(data_dir)
    await opened.open()
    yield opened
    for timer in [*opened.coordinator._timers.values(), opened.coordinator._sweeping]:
        if timer is not None:
            timer.cancel()
    opened.disk.threads.shutdown()
    for topic in opened.topics.by_name.values():
        for partition in topic.partitions:
            if partition._flush_timer is not None:
                partition._flush_timer.cancel()
            partition.log.close()
