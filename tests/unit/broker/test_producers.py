"""What the broker accepts from an idempotent producer."""

import pytest

from infra.broker.batch import BatchHeader, header_at
from infra.broker.errors import Code, ProtocolError
from infra.broker.producers import EXPIRE_MS, Producers
from tests.unit.broker.batches import batch

PID = 5


def header(sequence: int, count: int = 1, epoch: int = 0, offset: int = 0) -> BatchHeader:
    """Return the header of a batch of producer 5."""
    made = header_at(batch([0] * count, pid=PID, epoch=epoch, sequence=sequence))
    return made._replace(base_offset=offset)


def after(*headers: BatchHeader) -> Producers:
    """Return what is remembered after these batches."""
    producers = Producers()
    for number, noted in enumerate(headers):
        producers.note(noted._replace(base_offset=number * 100), now_ms=0)
    return producers


def refusal(producers: Producers, asked: BatchHeader) -> Code:
    """Return the error that a batch is refused with."""
    with pytest.raises(ProtocolError) as refused:
        producers.duplicate_of(asked)
    return refused.value.code


def test_the_last_five_batches_are_recognised() -> None:
    producers = after(*(header(10 * n, 10) for n in range(7)))
    known = [producers.duplicate_of(header(10 * n, 10)) for n in range(2, 7)]
    assert known == [200, 300, 400, 500, 600]
    assert refusal(producers, header(10, 10)) == Code.OUT_OF_ORDER_SEQUENCE_NUMBER


def test_the_next_sequence_is_new() -> None:
    assert after(header(0, 3)).duplicate_of(header(3)) is None


@pytest.mark.parametrize("sequence", [2, 4, 100])
def test_a_gap_or_overlap_is_refused(sequence: int) -> None:
    assert refusal(after(header(0, 3)), header(sequence)) == Code.OUT_OF_ORDER_SEQUENCE_NUMBER


def test_an_unknown_producer_may_begin_anywhere() -> None:
    assert Producers().duplicate_of(header(1234)) is None


def test_sequences_wrap() -> None:
    producers = after(header(2**31 - 2, 2))
    assert producers.duplicate_of(header(0)) is None
    assert producers.duplicate_of(header(2**31 - 2, 2)) == 0


def test_an_older_epoch_is_refused() -> None:
    assert refusal(after(header(0, epoch=3)), header(1, epoch=2)) == Code.INVALID_PRODUCER_EPOCH


def test_a_newer_epoch_begins_at_zero() -> None:
    producers = after(header(0, 3))
    assert producers.duplicate_of(header(0, epoch=1)) is None
    assert refusal(producers, header(3, epoch=1)) == Code.OUT_OF_ORDER_SEQUENCE_NUMBER


def test_a_snapshot_remembers_everything() -> None:
    producers = after(header(0, 3), header(3, 2))
    restored = Producers.restore(producers.snapshot())
    assert restored.duplicate_of(header(3, 2)) == 100
    assert restored.snapshot() == producers.snapshot()


def test_producers_are_forgotten_after_a_day_of_silence() -> None:
    producers = after(header(0))
    producers.expire(EXPIRE_MS)
    assert len(producers) == 1
    producers.expire(EXPIRE_MS + 1)
    assert len(producers) == 0
