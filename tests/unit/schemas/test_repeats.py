"""What a reader passes over: what was written twice, and what replaced instances still say."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.record import Position, Provenance, Record
from schemas.repeats import Repeats, epoch_line, is_news, settings_line


def decided(seq: int, epoch: int) -> Provenance:
    return Provenance("guard/observatory/0", seq, epoch=epoch)


def took_over(epoch: int) -> Provenance:
    return Provenance(epoch_line("guard/observatory/0"), epoch, epoch=epoch)


def in_force(epoch: int) -> Provenance:
    return Provenance(settings_line("guard/observatory/0"), epoch, epoch=epoch)


@pytest.mark.parametrize(
    ("said", "news"),
    [
        ([took_over(1), decided(5, 1), decided(6, 1)], [True, True, True]),
        ([took_over(1), decided(5, 1), decided(5, 1)], [True, True, False]),
        ([took_over(2), decided(5, 1), decided(5, 2)], [True, False, True]),
        ([decided(5, 1), took_over(2), decided(6, 1), decided(6, 2)], [True, True, False, True]),
        ([took_over(2), took_over(1), decided(5, 1)], [True, False, False]),
        ([decided(5, 1), decided(6, 2)], [True, True]),  # the log's beginning is gone
        ([took_over(1), in_force(1), took_over(2)], [True, True, True]),
        ([took_over(1), took_over(2), in_force(1), in_force(2)], [True, True, False, True]),
    ],
)
def test_a_replaced_instance_does_not_count(said: list[Provenance], news: list[bool]) -> None:
    waters: dict[str, int] = {}
    assert [is_news(provenance, waters) for provenance in said] == news


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20)), max_size=30))
def test_each_source_rises_in_each_partition(said: list[tuple[str, int]]) -> None:
    chance, repeats = random.Random(1), Repeats()
    kept: dict[tuple[int, str], list[int]] = {}
    for offset, (source, seq) in enumerate(said):
        partition = chance.randrange(2)
        record = Record(
            None, Provenance(source, seq), None, 0, Position("observatory", partition, offset)
        )
        if not repeats.has(record):
            kept.setdefault((partition, source), []).append(seq)
    assert all(seqs == sorted(set(seqs)) for seqs in kept.values())
