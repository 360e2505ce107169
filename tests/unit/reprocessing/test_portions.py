"""Runs of messages that are bounded in bytes."""

from collections.abc import Sequence
from typing import Any, cast

import pytest
from confluent_kafka import Message as Kafka
from hypothesis import given
from hypothesis import strategies as st

from infra.log.reading import Message
from infra.reprocessing.part import PartNotSaid, part_of
from infra.reprocessing.running import portions
from infra.windows import NightIndex
from schemas.nights import NamedBy, Nights

MOST, MOST_BYTES = 10, 1 << 20
USUAL = 1 << 16


def message(size: int) -> Message:
    made: Any = Kafka(topic="t", partition=0, offset=1, value=bytes(size))
    return cast("Message", made)


@given(st.lists(st.sampled_from([0, 140, USUAL, 5 * USUAL, 2 * MOST_BYTES]), max_size=40))
def test_all_messages_come_in_order_and_only_larger_ones_exceed_the_bound(
    sizes: Sequence[int],
) -> None:
    messages = [message(size) for size in sizes]
    waiting = list(messages)

    def take(most: int) -> list[Message]:
        assert most > 0
        taken, waiting[:] = waiting[:most], waiting[most:]
        return taken

    found = list(portions(take, lambda: bool(waiting), MOST, MOST_BYTES))

    assert [one for portion in found for one in portion] == messages
    assert all(0 < len(portion) <= MOST for portion in found)
    largest = USUAL
    for portion in found:
        own = max(map(len, portion))
        assert len(portion) == 1 or own > largest or sum(map(len, portion)) <= MOST_BYTES
        largest = max(largest, own)


@pytest.mark.parametrize(
    ("words", "start"), [([], None), (["2026-11-20"], "2026-11-20T03:00"), (["all"], "2026-11-20")]
)
def test_one_kind_of_part_has_to_be_asked_for(words: list[str], start: str | None) -> None:
    index = NightIndex(Nights(18, NamedBy.END), {})
    with pytest.raises(PartNotSaid):
        part_of(index, words, start, None)
