"""A transaction of a transactional id: what may happen to it in which state, as pure functions.

The states and rules are Kafka's (KIP-98, KIP-360, KIP-447).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from infra.broker.errors import Code, ProtocolError
from infra.broker.groups.offsets import Change, Committed, Key

PartitionId = tuple[str, int]
NO_EPOCH = -1
LAST_EPOCH = 2**15 - 2  # one more is left to fence with
LONGEST_TIMEOUT_MS = 900_000  # Kafka's transaction.max.timeout.ms
EXPIRES_MS = 7 * 24 * 3600 * 1000  # Kafka's transactional.id.expiration.ms


class TxnState(Enum):
    """Where a transaction is; the names are Kafka's."""

    EMPTY = "Empty"
    ONGOING = "Ongoing"
    PREPARE_COMMIT = "PrepareCommit"
    PREPARE_ABORT = "PrepareAbort"
    COMPLETE_COMMIT = "CompleteCommit"
    COMPLETE_ABORT = "CompleteAbort"


_PREPARED = {TxnState.PREPARE_COMMIT, TxnState.PREPARE_ABORT}
_COMMITS = {TxnState.PREPARE_COMMIT, TxnState.COMPLETE_COMMIT}
_OUTCOME = {
    TxnState.PREPARE_COMMIT: TxnState.COMPLETE_COMMIT,
    TxnState.PREPARE_ABORT: TxnState.COMPLETE_ABORT,
}


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transactional id with its producer and its last or present transaction; times in ms.

    `partitions` maps to the end of each log when the outcome was decided: a marker at or behind
    it is this transaction's. They are kept until the next transaction begins.
    """

    id: str
    producer_id: int
    epoch: int = NO_EPOCH
    last_epoch: int = NO_EPOCH  # that its producer had before the broker raised it
    last_producer_id: int = -1
    timeout_ms: int = 0
    state: TxnState = TxnState.EMPTY
    started_ms: int = -1
    updated_ms: int = -1
    partitions: Mapping[PartitionId, int] = field(default_factory=dict)
    groups: frozenset[str] = frozenset()
    offsets: Mapping[Key, Committed] = field(default_factory=dict)

    @property
    def is_prepared(self) -> bool:
        """Whether the outcome is decided, but not yet everywhere."""
        return self.state in _PREPARED

    @property
    def commits(self) -> bool:
        """Whether the outcome is to commit."""
        return self.state in _COMMITS

    def is_expired(self, now_ms: int) -> bool:
        """Whether its producer was away for so long that the id is forgotten."""
        idle = self.state is not TxnState.ONGOING and not self.is_prepared
        return idle and now_ms - self.updated_ms > EXPIRES_MS

    def check_sender(self, producer_id: int, epoch: int) -> None:
        """Raise `ProtocolError` for a producer that is not, or no longer, the id's."""
        if producer_id != self.producer_id:
            raise ProtocolError(
                Code.INVALID_PRODUCER_ID_MAPPING,
                f"{self.id} is the id of producer {self.producer_id}, not of {producer_id}",
            )
        if epoch != self.epoch:
            raise ProtocolError(
                Code.PRODUCER_FENCED,
                f"{self.id} is at epoch {self.epoch}, not {epoch}: a newer instance took over, "
                "or the transaction took longer than its timeout",
            )

    def check_undecided(self) -> None:
        """Raise `ProtocolError` while the last outcome is not everywhere."""
        if self.is_prepared:
            raise ProtocolError(
                Code.CONCURRENT_TRANSACTIONS, f"the last transaction of {self.id} is being ended"
            )

    def check_expected(self, producer_id: int, epoch: int) -> None:
        """Raise `ProtocolError` for a producer that wants a new epoch without having the last."""
        if self.epoch == NO_EPOCH:
            return
        if producer_id == self.producer_id and epoch in {self.epoch, self.last_epoch}:
            return
        if producer_id == self.last_producer_id and epoch == self.last_epoch:
            return
        raise ProtocolError(
            Code.PRODUCER_FENCED,
            f"{self.id} is at epoch {self.epoch} of producer {self.producer_id}, "
            f"not {epoch} of {producer_id}",
        )

    def may_end(self, *, commit: bool) -> bool:
        """Whether it is open; false if it has ended so before. Raises `ProtocolError` otherwise."""
        if self.state is TxnState.ONGOING:
            return True
        if self.state is TxnState.EMPTY or self.commits != commit:
            wish = "commit" if commit else "abort"
            raise ProtocolError(
                Code.INVALID_TXN_STATE, f"{self.id} can't {wish}: it is {self.state.value}"
            )
        self.check_undecided()
        return False

    @property
    def needs_new_producer(self) -> bool:
        """Whether no epoch is left, so that the next instance gets another producer id."""
        return self.epoch >= LAST_EPOCH

    def initialised(
        self, timeout_ms: int, expected: int | None, new_id: int | None, now_ms: int
    ) -> "Transaction":
        """Return it for an instance that begins: with the next epoch, or as a new producer.

        One that names the epoch before the present one repeats itself, and gets the same again.
        """
        fresh = replace(
            self,
            timeout_ms=timeout_ms,
            state=TxnState.EMPTY,
            started_ms=-1,
            updated_ms=now_ms,
            partitions={},
            groups=frozenset(),
            offsets={},
        )
        known = NO_EPOCH if expected is None or self.epoch == NO_EPOCH else expected
        if new_id is not None:
            last = self.producer_id if known != NO_EPOCH else -1
            return replace(
                fresh, producer_id=new_id, epoch=0, last_epoch=known, last_producer_id=last
            )
        if known not in {NO_EPOCH, self.epoch}:
            return fresh
        return replace(fresh, epoch=self.epoch + 1, last_epoch=known, last_producer_id=-1)

    def _ongoing(self, now_ms: int) -> "Transaction":
        if self.state is TxnState.ONGOING:
            return replace(self, updated_ms=now_ms)
        return replace(
            self,
            state=TxnState.ONGOING,
            started_ms=now_ms,
            updated_ms=now_ms,
            partitions={},
            groups=frozenset(),
            offsets={},
        )

    def with_partitions(self, added: Iterable[PartitionId], now_ms: int) -> "Transaction":
        """Return it, begun if it was not, with more partitions."""
        begun = self._ongoing(now_ms)
        return replace(begun, partitions={**begun.partitions, **dict.fromkeys(added, -1)})

    def with_group(self, group: str, now_ms: int) -> "Transaction":
        """Return it, begun if it was not, with a group whose offsets it may commit."""
        begun = self._ongoing(now_ms)
        return replace(begun, groups=begun.groups | {group})

    def with_offsets(self, changes: Iterable[Change], now_ms: int) -> "Transaction":
        """Return it with offsets that a commit will commit."""
        new = {key: committed for key, committed in changes if committed is not None}
        return replace(self, offsets={**self.offsets, **new}, updated_ms=now_ms)

    def decided(
        self, ends: Mapping[PartitionId, int], now_ms: int, *, commit: bool
    ) -> "Transaction":
        """Return it with its outcome."""
        state = TxnState.PREPARE_COMMIT if commit else TxnState.PREPARE_ABORT
        return replace(self, state=state, partitions=dict(ends), updated_ms=now_ms)

    def fenced(self, *, may_return: bool) -> "Transaction":
        """Return it with an epoch that no instance has.

        With `may_return` the present instance may ask for the epoch that is next.
        """
        last = self.epoch if may_return else NO_EPOCH
        return replace(self, epoch=self.epoch + 1, last_epoch=last)

    def completed(self, now_ms: int) -> "Transaction":
        """Return it with its outcome everywhere."""
        return replace(
            self,
            state=_OUTCOME[self.state],
            updated_ms=now_ms,
            groups=frozenset(),
            offsets={},
        )
