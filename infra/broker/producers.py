"""What a partition remembers of its idempotent producers, so that a retried batch is kept once."""

from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple

from infra.broker.batch import BatchHeader
from infra.broker.errors import Code, ProtocolError

WINDOW = 5  # batches in flight that Kafka's clients may have
_SEQUENCES = 2**31
EXPIRE_MS = 24 * 3600 * 1000  # Kafka's producer.id.expiration.ms


class Sequences(NamedTuple):
    """First and last sequence number of an appended batch, and its base offset."""

    first: int
    last: int
    base_offset: int


class ProducerState:
    """Epoch and last batches of a producer in a partition; `last_ms` is when it was heard of."""

    __slots__ = ("batches", "epoch", "last_ms")

    def __init__(self, epoch: int, last_ms: int, batches: Iterable[Sequences] = ()) -> None:
        self.epoch = epoch
        self.last_ms = last_ms
        self.batches = deque(batches, maxlen=WINDOW)


def last_sequence(header: BatchHeader) -> int:
    """Return the sequence number of the last record; the numbers wrap at 2³¹."""
    return (header.base_sequence + header.last_offset_delta) % _SEQUENCES


class Producers:
    """All idempotent producers of one partition."""

    def __init__(self) -> None:
        self._states: dict[int, ProducerState] = {}

    def __len__(self) -> int:
        return len(self._states)

    def duplicate_of(self, header: BatchHeader) -> int | None:
        """Return the base offset of the batch that `header` repeats, or null if it is the next one.

        Raises `ProtocolError` for a gap, an older epoch or a new epoch that does not begin at 0.
        A producer that is not known may begin anywhere: its past may have expired.
        """
        state = self._states.get(header.producer_id)
        if state is None:
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
            expected = (state.batches[-1].last + 1) % _SEQUENCES
        if header.base_sequence != expected:
            raise ProtocolError(
                Code.OUT_OF_ORDER_SEQUENCE_NUMBER,
                f"producer {header.producer_id} sent sequence {header.base_sequence}, "
                f"expected {expected}",
            )
        return None

    def note(self, header: BatchHeader, now_ms: int) -> None:
        """Remember an appended batch whose offsets are placed."""
        state = self._states.get(header.producer_id)
        if state is None or state.epoch != header.producer_epoch:
            state = self._states[header.producer_id] = ProducerState(header.producer_epoch, now_ms)
        state.last_ms = now_ms
        state.batches.append(
            Sequences(header.base_sequence, last_sequence(header), header.base_offset)
        )

    def last_batches(self) -> list[int]:
        """Return the base offset of the last batch of each producer."""
        return [state.batches[-1].base_offset for state in self._states.values() if state.batches]

    def expire(self, now_ms: int) -> None:
        """Forget producers that were silent for a day."""
        for pid in [p for p, s in self._states.items() if now_ms - s.last_ms > EXPIRE_MS]:
            del self._states[pid]

    def snapshot(self) -> list[list[object]]:
        """Return everything as lists for JSON."""
        return [[p, s.epoch, s.last_ms, list(s.batches)] for p, s in self._states.items()]

    @classmethod
    def restore(cls, snapshot: Iterable[list[Any]]) -> "Producers":
        """Return what `snapshot` described."""
        producers = cls()
        for pid, epoch, last_ms, known in snapshot:
            states = (Sequences(*row) for row in known)
            producers._states[pid] = ProducerState(epoch, last_ms, states)
        return producers
