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

MOST = 100


def message(size: int) -> Message:
    made: Any = Kafka(topic="t", partition=0, offset=1, value=bytes(size))
    return cast("Message", made)


@given(st.lists(st.integers(0, 150), max_size=30))
def test_all_messages_come_in_order_and_only_a_large_one_is_over_the_bound(
    sizes: Sequence[int],
) -> None:
    messages = [message(size) for size in sizes]
    runs = list(portions(messages, MOST))

    assert [one for run in runs for one in run] == messages
    assert all(runs)
    assert all(sum(map(len, run)) <= MOST or len(run) == 1 for run in runs)


@pytest.mark.parametrize(
    ("words", "start"), [([], None), (["2026-11-20"], "2026-11-20T03:00"), (["all"], "2026-11-20")]
)
def test_one_kind_of_part_has_to_be_asked_for(words: list[str], start: str | None) -> None:
    index = NightIndex(Nights(18, NamedBy.END), {})
    with pytest.raises(PartNotSaid):
        part_of(index, words, start, None)
