"""What a partition remembers of its idempotent producers, so that a retried batch is kept once.

For a producer with transactions that includes which of them is open here, and since which offset.
"""

from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple

from infra.broker.errors import Code, ProtocolError
from infra.broker.storage.batch import TRANSACTIONAL, BatchHeader

WINDOW = 5  # batches in flight that Kafka's clients may have
_SEQUENCES = 2**31
EXPIRE_MS = 24 * 3600 * 1000  # Kafka's producer.id.expiration.ms


class Sequences(NamedTuple):
    """First and last sequence number of an appended batch, and its base offset."""

    first: int
    last: int
    base_offset: int


class Ended(NamedTuple):
    """A transaction that a marker has ended, and up to where all others are decided now."""

    first_offset: int
    last_stable_offset: int


class ProducerState:
    """Epoch and last batches of a producer in a partition.

    `last_ms` is when it was heard of, `marker` the offset of its last marker, −1 if there is none.
    """

    __slots__ = ("batches", "epoch", "last_ms", "marker")

    def __init__(
        self, epoch: int, last_ms: int, batches: Iterable[Sequences] = (), marker: int = -1
    ) -> None:
        self.epoch = epoch
        self.last_ms = last_ms
        self.marker = marker
        self.batches = deque(batches, maxlen=WINDOW)


def last_sequence(header: BatchHeader) -> int:
    """Return the sequence number of the last record; the numbers wrap at 2³¹."""
    return (header.base_sequence + header.last_offset_delta) % _SEQUENCES


class Producers:
    """All idempotent producers of one partition.

    `open` has those with an open transaction and its first offset, in the order of the offsets,
    `admitted` those (with their epochs) whose transaction the partition was added to.
    """

    def __init__(self) -> None:
        self._states: dict[int, ProducerState] = {}
        self.open: dict[int, int] = {}
        self.admitted: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._states)

    def duplicate_of(self, header: BatchHeader) -> int | None:
        """Return the base offset of the batch that `header` repeats, or null if it is the next one.

        Raises `ProtocolError` for a gap, an older epoch, a new epoch that does not begin at 0, and
        for a record outside of a transaction that belongs into one, or the reverse.
        A producer that is not known may begin anywhere: its past may have expired.
        """
        state = self._states.get(header.producer_id)
        if state is None:
            self._check_transaction(header)
            return None
        if header.producer_epoch < state.epoch:
            raise ProtocolError(
                Code.INVALID_PRODUCER_EPOCH,
                f"producer {header.producer_id} has epoch {state.epoch}, "
                f"not {header.producer_epoch}: a newer instance took over",
            )
        if header.producer_epoch > state.epoch:
            expected = 0
        else:
            last = last_sequence(header)
            for known in state.batches:
                if known.first == header.base_sequence and known.last == last:
                    return known.base_offset
            # after a marker that raised the epoch there are no batches: the next begins at 0
            expected = (state.batches[-1].last + 1) % _SEQUENCES if state.batches else 0
        if self.open or header.attributes & TRANSACTIONAL:
            self._check_transaction(header)
        if header.base_sequence != expected:
            raise ProtocolError(
                Code.OUT_OF_ORDER_SEQUENCE_NUMBER,
                f"producer {header.producer_id} sent sequence {header.base_sequence}, "
                f"expected {expected}",
            )
        return None

    def _check_transaction(self, header: BatchHeader) -> None:
        pid = header.producer_id
        if header.attributes & TRANSACTIONAL:
            if self.admitted.get(pid) != header.producer_epoch:
                raise ProtocolError(
                    Code.INVALID_TXN_STATE,
                    f"producer {pid} with epoch {header.producer_epoch} has no open transaction "
                    "that this partition was added to",
                )
        elif pid in self.open:
            raise ProtocolError(
                Code.INVALID_TXN_STATE,
                f"producer {pid} has a transaction open here and sent records outside of it",
            )

    def note(self, header: BatchHeader, now_ms: int) -> None:
        """Remember an appended batch whose offsets are placed."""
        state = self._states.get(header.producer_id)
        if state is None or state.epoch != header.producer_epoch:
            state = self._state(header.producer_id, header.producer_epoch, now_ms)
        state.last_ms = now_ms
        state.batches.append(
            Sequences(header.base_sequence, last_sequence(header), header.base_offset)
        )
        if header.attributes & TRANSACTIONAL:
            self.open.setdefault(header.producer_id, header.base_offset)

    def _state(self, pid: int, epoch: int, now_ms: int) -> ProducerState:
        state = self._states.get(pid)
        if state is None or state.epoch != epoch:
            marker = -1 if state is None else state.marker
            state = self._states[pid] = ProducerState(epoch, now_ms, marker=marker)
        state.last_ms = now_ms
        return state

    def end(self, header: BatchHeader, now_ms: int) -> Ended | None:
        """Remember an appended marker; returns what it has ended, null if nothing was open."""
        pid = header.producer_id
        self._state(pid, header.producer_epoch, now_ms).marker = header.base_offset
        self.admitted.pop(pid, None)
        first = self.open.pop(pid, None)
        if first is None:
            return None
        stable = self.first_open_offset
        return Ended(first, header.base_offset + 1 if stable is None else stable)

    @property
    def first_open_offset(self) -> int | None:
        """Offset of the oldest record whose transaction is open, null if there is none."""
        return next(iter(self.open.values()), None)

    def open_transactions(self) -> list[tuple[int, int, int]]:
        """Return (id, epoch, first offset) of the producers with an open transaction."""
        return [(pid, self._states[pid].epoch, first) for pid, first in self.open.items()]

    def needs_marker(self, pid: int, epoch: int, end: int) -> bool:
        """Whether a transaction lacks its marker, which lies at `end` or later if it is there."""
        state = self._states.get(pid)
        return state is None or (state.epoch <= epoch and state.marker < end)

    def last_batches(self) -> list[int]:
        """Return the base offset of the last batch of each producer."""
        return [state.batches[-1].base_offset for state in self._states.values() if state.batches]

    def expire(self, now_ms: int) -> None:
        """Forget producers that were silent for a day, unless they have a transaction open."""
        silent = [p for p, s in self._states.items() if now_ms - s.last_ms > EXPIRE_MS]
        for pid in silent:
            if pid not in self.open:
                del self._states[pid]

    def snapshot(self) -> list[list[object]]:
        """Return everything as lists for JSON."""
        return [
            [p, s.epoch, s.last_ms, list(s.batches), s.marker, self.open.get(p)]
            for p, s in self._states.items()
        ]

    @classmethod
    def restore(cls, snapshot: Iterable[list[Any]]) -> "Producers":
        """Return what `snapshot` described."""
        producers = cls()
        opened: list[tuple[int, int]] = []
        for pid, epoch, last_ms, known, *transaction in snapshot:
            marker, first = transaction or (-1, None)  # a checkpoint of before has none
            batches = (Sequences(*row) for row in known)
            producers._states[pid] = ProducerState(epoch, last_ms, batches, marker)
            if first is not None:
                opened.append((first, pid))
        producers.open = {pid: first for first, pid in sorted(opened)}
        return producers
