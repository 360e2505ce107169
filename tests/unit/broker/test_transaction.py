"""What may happen to a transaction in which state, as Kafka has it."""

import pytest

from infra.broker.errors import Code, ProtocolError
from infra.broker.transactions.transaction import LAST_EPOCH, NO_EPOCH, Transaction

NEW = Transaction("t", 7)


def begun(epoch: int = 0) -> Transaction:
    return Transaction("t", 7, epoch=epoch, timeout_ms=1000)


def refusal(known: Transaction, *, commit: bool) -> Code:
    with pytest.raises(ProtocolError) as refused:
        known.may_end(commit=commit)
    return refused.value.code


def test_the_first_instance_has_epoch_0_and_each_next_one_more() -> None:
    first = NEW.initialised(1000, None, None, 0)
    second = first.initialised(1000, None, None, 0)
    assert [(t.producer_id, t.epoch, t.last_epoch) for t in (first, second)] == [
        (7, 0, NO_EPOCH),
        (7, 1, NO_EPOCH),
    ]


def test_one_that_raises_its_epoch_and_asks_again_gets_the_same() -> None:
    raised = begun(4).initialised(1000, 4, None, 0)
    raised.check_expected(7, 4)
    again = raised.initialised(1000, 4, None, 0)
    assert (raised.epoch, again.epoch) == (5, 5)


@pytest.mark.parametrize("sender", [(7, 3), (7, 6), (8, 5)])
def test_one_that_has_not_the_last_epoch_is_fenced(sender: tuple[int, int]) -> None:
    with pytest.raises(ProtocolError) as refused:
        begun(5).check_expected(*sender)
    assert refused.value.code is Code.PRODUCER_FENCED


def test_after_the_last_epoch_there_is_a_new_producer() -> None:
    used_up = begun(LAST_EPOCH)
    assert used_up.needs_new_producer
    assert not begun(LAST_EPOCH - 1).needs_new_producer
    renewed = used_up.initialised(1000, LAST_EPOCH, 99, 0)
    assert (renewed.producer_id, renewed.epoch) == (99, 0)
    renewed.check_expected(7, LAST_EPOCH)
    assert renewed.initialised(1000, LAST_EPOCH, None, 0).producer_id == 99
    assert used_up.fenced(may_return=False).initialised(1000, None, 99, 0).epoch == 0


def test_the_sender_must_be_the_present_instance() -> None:
    begun(5).check_sender(7, 5)
    for sender, code in [
        ((8, 5), Code.INVALID_PRODUCER_ID_MAPPING),
        ((7, 4), Code.PRODUCER_FENCED),
        ((7, 6), Code.PRODUCER_FENCED),
    ]:
        with pytest.raises(ProtocolError) as refused:
            begun(5).check_sender(*sender)
        assert refused.value.code is code


@pytest.mark.parametrize("commit", [True, False])
def test_what_may_end_when(commit: bool) -> None:
    ongoing = begun().with_partitions([("a", 0)], 5)
    prepared = ongoing.decided({("a", 0): 3}, 6, commit=commit)
    complete = prepared.completed(7)
    assert refusal(begun(), commit=commit) is Code.INVALID_TXN_STATE
    assert ongoing.may_end(commit=commit)
    assert refusal(prepared, commit=commit) is Code.CONCURRENT_TRANSACTIONS
    assert refusal(prepared, commit=not commit) is Code.INVALID_TXN_STATE
    assert not complete.may_end(commit=commit)
    assert refusal(complete, commit=not commit) is Code.INVALID_TXN_STATE


def test_a_transaction_begins_with_its_first_partition_or_group() -> None:
    ended = begun().with_partitions([("a", 0)], 5).decided({("a", 0): 3}, 6, commit=True)
    following = ended.completed(7).with_group("g", 8).with_partitions([("b", 0)], 9)
    assert (following.started_ms, set(following.partitions)) == (8, {("b", 0)})
    assert following.groups == {"g"}
