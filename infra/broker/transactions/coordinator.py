"""The coordinator of transactions: who may write under a transactional id, until when.

A transaction that is open when the broker ends stays open: its producer may go on with it, or it
runs into its timeout, as with Kafka.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from infra.broker.errors import Code, ProtocolError
from infra.broker.groups.offsets import Change, CommittedOffsets
from infra.broker.storage.disk import Disk
from infra.broker.storage.producer_ids import ProducerIds
from infra.broker.storage.topics import Topics
from infra.broker.transactions.outcomes import RETRY_S, Outcomes
from infra.broker.transactions.store import TransactionStore
from infra.broker.transactions.transaction import (
    LONGEST_TIMEOUT_MS,
    PartitionId,
    Transaction,
    TxnState,
)
from infra.clock import utc_micros

_LOG = logging.getLogger(__name__)
_SWEEP_S = 3600.0


def _now_ms() -> int:
    return utc_micros() // 1000


class Coordinator:
    """Transactions of all transactional ids, with their timeouts."""

    def __init__(
        self,
        data_dir: Path,
        topics: Topics,
        offsets: CommittedOffsets,
        producer_ids: ProducerIds,
        disk: Disk,
    ) -> None:
        self._store = TransactionStore(data_dir, disk)
        self._outcomes = Outcomes(self._store, topics, offsets, disk)
        self._offsets = offsets
        self._producer_ids = producer_ids
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._sweeping: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        """Go on where the last process ended: finish what was decided, watch what is open."""
        for transaction in self._store.by_id.values():
            self._offsets.pending.update(transaction.offsets.keys())
            if transaction.is_prepared:
                self._outcomes.carry_out(transaction)
            elif transaction.state is TxnState.ONGOING:
                self._admit(transaction, transaction.partitions)
                self._watch(transaction)
        await self._outcomes.wait_for_all()
        await self._outcomes.end_strays()
        self._sweep()

    async def initialise(
        self, transactional_id: str, timeout_ms: int, expected: tuple[int, int] | None
    ) -> Transaction:
        """Begin a new instance of a producer: older ones are fenced, their transaction aborted.

        `expected` are the id and epoch of a producer that only wants the next epoch.
        """
        if not 0 < timeout_ms <= LONGEST_TIMEOUT_MS:
            raise ProtocolError(
                Code.INVALID_TRANSACTION_TIMEOUT,
                f"a timeout of {timeout_ms} ms, allowed 1 … {LONGEST_TIMEOUT_MS}",
            )
        known = self._store.by_id.get(transactional_id)
        if known is None:
            known = Transaction(transactional_id, self._producer_ids.fresh())
        else:
            known = await self._idle(known, expected)
        new_id = self._producer_ids.fresh() if known.needs_new_producer else None
        epoch = None if expected is None else expected[1]
        begun = known.initialised(timeout_ms, epoch, new_id, _now_ms())
        self._store.keep(begun)
        await self._store.synced()
        return begun

    async def _idle(self, known: Transaction, expected: tuple[int, int] | None) -> Transaction:
        """Return a transactional id once nothing of it is open or being ended."""
        if expected is not None:
            known.check_expected(*expected)
        if known.state is TxnState.ONGOING:
            self._end(known.fenced(may_return=expected is not None), commit=False)
        await self._outcomes.wait(known.id)
        known = self._store.by_id[known.id]
        known.check_undecided()
        if expected is not None:
            known.check_expected(*expected)
        if known.state is TxnState.ONGOING:
            raise ProtocolError(
                Code.CONCURRENT_TRANSACTIONS, f"another instance of {known.id} was quicker"
            )
        return known

    def _of(self, transactional_id: str, producer_id: int, epoch: int) -> Transaction:
        known = self._store.by_id.get(transactional_id)
        if known is None:
            raise ProtocolError(
                Code.INVALID_PRODUCER_ID_MAPPING, f"{transactional_id} is no known transactional id"
            )
        known.check_sender(producer_id, epoch)
        return known

    def add_partitions(
        self,
        transactional_id: str,
        producer_id: int,
        epoch: int,
        partitions: Sequence[PartitionId],
    ) -> None:
        """Let a transaction, which begins with the first ones, write to more partitions."""
        known = self._of(transactional_id, producer_id, epoch)
        known.check_undecided()
        if known.state is not TxnState.ONGOING or not known.partitions.keys() >= set(partitions):
            self._begin_or_go_on(known, known.with_partitions(partitions, _now_ms()))
        self._admit(known, partitions)

    def add_group(self, transactional_id: str, producer_id: int, epoch: int, group: str) -> None:
        """Let a transaction, which may begin with it, commit offsets of a group."""
        known = self._of(transactional_id, producer_id, epoch)
        known.check_undecided()
        if known.state is not TxnState.ONGOING or group not in known.groups:
            self._begin_or_go_on(known, known.with_group(group, _now_ms()))

    def _begin_or_go_on(self, known: Transaction, changed: Transaction) -> None:
        self._store.keep(changed)
        if known.state is not TxnState.ONGOING:
            self._watch(changed)

    def add_offsets(
        self,
        transactional_id: str,
        producer_id: int,
        epoch: int,
        group: str,
        changes: Sequence[Change],
    ) -> None:
        """Keep offsets that are committed with the transaction."""
        known = self._of(transactional_id, producer_id, epoch)
        known.check_undecided()
        if known.state is not TxnState.ONGOING or group not in known.groups:
            raise ProtocolError(
                Code.INVALID_TXN_STATE,
                f"{transactional_id} has no transaction that group {group} was added to",
            )
        changed = known.with_offsets(changes, _now_ms())
        self._store.keep(changed)
        self._offsets.pending.update(changed.offsets.keys() - known.offsets.keys())

    async def end(
        self, transactional_id: str, producer_id: int, epoch: int, *, commit: bool
    ) -> None:
        """Commit or abort; ends when the outcome is everywhere, and on the disk where asked for."""
        known = self._of(transactional_id, producer_id, epoch)
        if known.may_end(commit=commit):
            self._end(known, commit=commit)
            await self._outcomes.wait(transactional_id)
            self._store.by_id[transactional_id].check_undecided()

    def _end(self, transaction: Transaction, *, commit: bool) -> None:
        self._outcomes.decide(transaction, commit=commit)
        timer = self._timers.pop(transaction.id, None)
        if timer is not None:
            timer.cancel()

    def _admit(self, transaction: Transaction, places: Iterable[PartitionId]) -> None:
        for place in places:
            partition = self._outcomes.partition(place)
            if partition is not None:
                partition.log.producers.admitted[transaction.producer_id] = transaction.epoch

    def _watch(self, transaction: Transaction) -> None:
        left_ms = transaction.started_ms + transaction.timeout_ms - _now_ms()
        self._abort_in(max(left_ms, 0) / 1000, transaction.id)

    def _abort_in(self, delay_s: float, transactional_id: str) -> None:
        loop = asyncio.get_running_loop()
        self._timers[transactional_id] = loop.call_later(delay_s, self._overdue, transactional_id)

    def _overdue(self, transactional_id: str) -> None:
        """Abort a transaction that took too long, and fence its producer."""
        known = self._store.by_id[transactional_id]
        _LOG.warning(
            "%s is aborted: it was open for longer than its timeout of %d ms",
            transactional_id,
            known.timeout_ms,
        )
        try:
            self._end(known.fenced(may_return=False), commit=False)
        except ProtocolError:
            self._abort_in(RETRY_S, transactional_id)

    def _sweep(self) -> None:
        """Forget ids that were not used for a week."""
        for transaction in list(self._store.by_id.values()):
            if transaction.is_expired(_now_ms()):
                self._store.forget(transaction.id)
        self._sweeping = asyncio.get_running_loop().call_later(_SWEEP_S, self._sweep)

    async def close(self) -> None:
        """Stop all timers; what is open stays so."""
        for timer in [*self._timers.values(), *filter(None, [self._sweeping])]:
            timer.cancel()
        await self._outcomes.close()
        self._store.close()
