"""What the broker accepts from an idempotent producer."""

import pytest

from infra.broker.errors import Code, ProtocolError
from infra.broker.storage.batch import BatchHeader, header_at
from infra.broker.storage.markers import marker
from infra.broker.storage.producers import EXPIRE_MS, Ended, Producers
from tests.unit.broker.batches import batch

PID = 5


def header(
    sequence: int, count: int = 1, epoch: int = 0, offset: int = 0, *, transactional: bool = False
) -> BatchHeader:
    """Return the header of a batch of producer 5."""
    batch_of_5 = batch(
        [0] * count, pid=PID, epoch=epoch, sequence=sequence, transactional=transactional
    )
    made = header_at(batch_of_5)
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


def in_transaction(sequence: int, epoch: int = 0, offset: int = 0) -> BatchHeader:
    """Return the header of a transactional batch with one record."""
    return header(sequence, epoch=epoch, offset=offset, transactional=True)


def end(producers: Producers, offset: int, *, epoch: int = 0, pid: int = PID) -> Ended | None:
    """Let a marker end the transaction of a producer."""
    made = header_at(marker(pid, epoch, commit=False, now_ms=0))
    return producers.end(made._replace(base_offset=offset), now_ms=0)


def test_a_transaction_is_open_from_its_first_batch_to_its_marker() -> None:
    producers = after(in_transaction(0), in_transaction(1), in_transaction(2))
    assert producers.open_transactions() == [(PID, 0, 0)]
    assert end(producers, 300) == Ended(0, 301)
    assert producers.open_transactions() == []
    assert end(producers, 301) is None


def test_what_ended_tells_which_other_is_still_open() -> None:
    producers = after(in_transaction(0))
    producers.note(in_transaction(0)._replace(producer_id=6, base_offset=100), now_ms=0)
    producers.note(in_transaction(0)._replace(producer_id=7, base_offset=200), now_ms=0)
    assert end(producers, 300, pid=6) == Ended(100, 0)
    assert end(producers, 301) == Ended(0, 200)
    assert producers.first_open_offset == 200


def test_only_an_admitted_producer_writes_in_a_transaction() -> None:
    producers = Producers()
    assert refusal(producers, in_transaction(0)) == Code.INVALID_TXN_STATE
    producers.admitted[PID] = 0
    assert producers.duplicate_of(in_transaction(0)) is None
    assert refusal(producers, in_transaction(0, epoch=1)) == Code.INVALID_TXN_STATE
    producers.note(in_transaction(0), now_ms=0)
    end(producers, 1)
    assert refusal(producers, in_transaction(1)) == Code.INVALID_TXN_STATE
    assert producers.duplicate_of(in_transaction(0)) == 0


def test_no_plain_batch_comes_into_an_open_transaction() -> None:
    assert refusal(after(in_transaction(0)), header(1)) == Code.INVALID_TXN_STATE


def test_after_a_marker_with_a_new_epoch_batches_begin_anew() -> None:
    producers = after(in_transaction(0), in_transaction(1))
    end(producers, 200, epoch=1)
    producers.admitted[PID] = 1
    assert refusal(producers, in_transaction(2)) == Code.INVALID_PRODUCER_EPOCH
    assert refusal(producers, in_transaction(2, epoch=1)) == Code.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert producers.duplicate_of(in_transaction(0, epoch=1)) is None


def test_a_marker_is_needed_once() -> None:
    producers = after(in_transaction(0))
    assert producers.needs_marker(PID, 0, 1)
    end(producers, 1)
    assert not producers.needs_marker(PID, 0, 1)
    assert producers.needs_marker(PID, 0, 2)
    assert producers.needs_marker(6, 0, 0)


def test_a_snapshot_remembers_open_transactions_and_markers() -> None:
    producers = after(in_transaction(0))
    producers.note(in_transaction(0)._replace(producer_id=3, base_offset=100), now_ms=0)
    producers.note(in_transaction(0)._replace(producer_id=1, base_offset=200), now_ms=0)
    end(producers, 300, pid=3)
    restored = Producers.restore(producers.snapshot())
    assert restored.open_transactions() == producers.open_transactions()
    assert not restored.needs_marker(3, 0, 300)


def test_a_checkpoint_from_before_transactions_is_read() -> None:
    old = [[PID, 2, 7, [[0, 1, 40]]]]
    assert Producers.restore(old).duplicate_of(header(0, 2, epoch=2)) == 40


def test_silence_does_not_end_a_transaction() -> None:
    producers = after(in_transaction(0))
    producers.expire(EXPIRE_MS + 1)
    assert producers.open_transactions() == [(PID, 0, 0)]
