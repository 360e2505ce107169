"""The outcomes of transactions, from the decision to the last partition and group.

A decision is on the disk before the first marker is written, so that a crash can't split it: the
next start writes the markers that are missing.
"""

import asyncio
import logging
from functools import partial

from infra.broker.errors import ProtocolError
from infra.broker.groups.offsets import CommittedOffsets
from infra.broker.storage.checkpoint import sync_and_close
from infra.broker.storage.disk import Disk
from infra.broker.storage.partition import Partition
from infra.broker.storage.topics import Topics
from infra.broker.transactions.store import TransactionStore
from infra.broker.transactions.transaction import PartitionId, Transaction, TxnState
from infra.clock import utc_micros

_LOG = logging.getLogger(__name__)
PATIENCE_S = 5.0  # so long a client waits for an outcome before it is told to ask again
RETRY_S = 1.0


class Outcomes:
    """Decisions that are being carried out; where the disk refuses, again and again."""

    def __init__(
        self, store: TransactionStore, topics: Topics, offsets: CommittedOffsets, disk: Disk
    ) -> None:
        self._store = store
        self._topics = topics
        self._offsets = offsets
        self._disk = disk
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def partition(self, place: PartitionId) -> Partition | None:
        """Return a partition, null if its topic was deleted meanwhile."""
        try:
            return self._topics.partition(*place)
        except ProtocolError:
            return None

    def decide(self, transaction: Transaction, *, commit: bool) -> None:
        """Keep the decision and begin to carry it out; raises `ProtocolError` if it isn't kept."""
        ends = {}
        for place in transaction.partitions:
            partition = self.partition(place)
            ends[place] = -1 if partition is None else partition.log.end_offset
        decided = transaction.decided(ends, utc_micros() // 1000, commit=commit)
        self._store.keep(decided)
        self.carry_out(decided)

    def carry_out(self, decided: Transaction) -> None:
        """Begin to bring a decision to all partitions and groups."""
        task = asyncio.get_running_loop().create_task(self._carry_out(decided))
        self._tasks[decided.id] = task
        task.add_done_callback(partial(self._ended, decided.id))

    def _ended(self, transactional_id: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(transactional_id) is task:
            del self._tasks[transactional_id]
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _LOG.error("%s can't be ended before the next start: %s", transactional_id, error)

    async def wait(self, transactional_id: str) -> None:
        """Wait until an outcome is everywhere, but not for ever.

        Raises `ProtocolError` if the disk refuses the decision.
        """
        task = self._tasks.get(transactional_id)
        if task is not None:
            done, _ = await asyncio.wait({task}, timeout=PATIENCE_S)
            for ended in done:
                ended.result()

    async def wait_for_all(self) -> None:
        """Wait until all outcomes are everywhere, but not for ever."""
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=PATIENCE_S)

    async def _carry_out(self, decided: Transaction) -> None:
        await self._store.synced()
        while True:
            try:
                await self._write_markers(decided)
                await self._commit_offsets(decided)
                self._store.keep(decided.completed(utc_micros() // 1000))
            except (ProtocolError, OSError) as error:
                _LOG.error("%s is not yet ended everywhere: %s", decided.id, error)
                await asyncio.sleep(RETRY_S)
            else:
                self._forget_pending(decided)
                return

    async def _write_markers(self, decided: Transaction) -> None:
        acks = []
        for place, end in decided.partitions.items():
            partition = self.partition(place)
            if partition is not None:
                ack = partition.end_transaction(
                    decided.producer_id, decided.epoch, end, commit=decided.commits
                )
                if ack is not None:
                    acks.append(ack)
        if acks:
            await asyncio.gather(*acks)

    async def _commit_offsets(self, decided: Transaction) -> None:
        """Commit the group's offsets; they are on the disk before the transaction counts as done.

        Else a power loss could take them and leave the records that were made of what they cover.
        """
        if decided.commits and decided.offsets:
            self._offsets.commit(
                (key, committed)
                for key, committed in decided.offsets.items()
                if self.partition(key[1:]) is not None
            )
            await self._disk.run(partial(sync_and_close, [self._offsets.descriptor()]))

    def _forget_pending(self, ended: Transaction) -> None:
        pending = self._offsets.pending
        for key in ended.offsets:
            pending[key] -= 1
            if pending[key] <= 0:
                del pending[key]

    async def end_strays(self) -> None:
        """End what is open in a log and not known to be: the machine lost what was not synced."""
        owners = {owner.producer_id: owner for owner in self._store.by_id.values()}
        acks = []
        for topic in self._topics.by_name.values():
            for partition in topic.partitions:
                for pid, epoch, first in partition.log.producers.open_transactions():
                    owner = owners.get(pid)
                    if owner is None or not _is_underway(owner, partition):
                        commit = owner is not None and _has_committed(owner, partition, first)
                        acks.append(_end_stray(partition, pid, epoch, commit=commit))
        await asyncio.gather(*filter(None, acks))

    async def close(self) -> None:
        """Give a moment to what is nearly done; the next start does the rest."""
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=RETRY_S)
        for task in self._tasks.values():
            task.cancel()


def _is_underway(owner: Transaction, partition: Partition) -> bool:
    underway = owner.state is TxnState.ONGOING or owner.is_prepared
    return underway and (partition.topic, partition.index) in owner.partitions


def _has_committed(owner: Transaction, partition: Partition, first: int) -> bool:
    end = owner.partitions.get((partition.topic, partition.index), -1)
    return owner.state is TxnState.COMPLETE_COMMIT and first < end


def _end_stray(
    partition: Partition, pid: int, epoch: int, *, commit: bool
) -> asyncio.Future[None] | None:
    outcome = "committed" if commit else "aborted"
    _LOG.warning("%s: %s what producer %d left open", partition.name, outcome, pid)
    try:
        return partition.append_marker(pid, epoch, commit=commit)
    except ProtocolError as refused:
        _LOG.error("%s: the next start has to end it: %s", partition.name, refused)
        return None
