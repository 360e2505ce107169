"""Transactions on the disk: each change is in a file before it counts."""

import asyncio
import logging
from functools import partial
from pathlib import Path
from typing import Any

from infra.broker.errors import Code, ProtocolError
from infra.broker.groups.offsets import Committed
from infra.broker.storage.checkpoint import sync_and_close
from infra.broker.storage.disk import Disk
from infra.broker.storage.journal import TRANSACTIONS_FILE, Journal
from infra.broker.transactions.transaction import Transaction, TxnState

_LOG = logging.getLogger(__name__)


class TransactionStore:
    """All transactions by their ids.

    What is kept outlives the process at once, and the machine after `synced`.
    """

    def __init__(self, data_dir: Path, disk: Disk) -> None:
        self._journal = Journal(data_dir / TRANSACTIONS_FILE)
        self._disk = disk
        self._kept = self._synced = 0  # changes since the start
        self._syncing: asyncio.Task[None] | None = None
        self._broken: ProtocolError | None = None
        self.by_id: dict[str, Transaction] = {}
        for entry in self._journal.read():
            if len(entry) == 1:
                self.by_id.pop(entry[0], None)
            else:
                transaction = _of_entry(entry)
                self.by_id[transaction.id] = transaction

    def keep(self, transaction: Transaction) -> None:
        """Write a change and let it count; raises `ProtocolError` if the disk refuses."""
        self._write(_as_entry(transaction))
        self.by_id[transaction.id] = transaction
        self._journal.shorten(lambda: map(_as_entry, self.by_id.values()))

    def forget(self, transactional_id: str) -> None:
        """Drop a transactional id."""
        self._write([transactional_id])
        del self.by_id[transactional_id]

    def _write(self, entry: list[Any]) -> None:
        if self._broken is not None:
            raise self._broken
        try:
            self._journal.append([entry])
        except OSError as error:
            raise self._refused(error) from error
        self._kept += 1

    def _refused(self, error: OSError) -> ProtocolError:
        _LOG.error("a transaction can't be kept: %s", error)
        return ProtocolError(
            Code.COORDINATOR_NOT_AVAILABLE, f"the disk refuses transactions: {error.strerror}"
        )

    async def synced(self) -> None:
        """Wait until what was kept is on the disk; all who wait meanwhile share the next sync.

        Raises `ProtocolError` if the disk refuses; then nothing more is kept until the next start.
        """
        wanted = self._kept
        while self._synced < wanted:
            if self._broken is not None:
                raise self._broken
            if self._syncing is None:
                self._syncing = asyncio.get_running_loop().create_task(self._sync())
            await asyncio.wait({self._syncing})

    async def _sync(self) -> None:
        kept = self._kept
        try:
            await self._disk.run(partial(sync_and_close, [self._journal.descriptor()]))
            self._synced = kept
        except OSError as error:
            self._broken = self._refused(error)
        finally:
            self._syncing = None

    def close(self) -> None:
        """Sync and close the file."""
        self._journal.close()


def _as_entry(transaction: Transaction) -> list[Any]:
    return [
        transaction.id,
        transaction.producer_id,
        transaction.epoch,
        transaction.last_epoch,
        transaction.last_producer_id,
        transaction.timeout_ms,
        transaction.state.value,
        transaction.started_ms,
        transaction.updated_ms,
        [[*partition, end] for partition, end in transaction.partitions.items()],
        sorted(transaction.groups),
        [[*key, *committed] for key, committed in transaction.offsets.items()],
    ]


def _of_entry(entry: list[Any]) -> Transaction:
    *plain, partitions, groups, offsets = entry
    plain[6] = TxnState(plain[6])
    parts = {(topic, index): end for topic, index, end in partitions}
    pending = {(g, t, p): Committed(*committed) for g, t, p, *committed in offsets}
    return Transaction(*[*plain, parts, frozenset(groups), pending])
