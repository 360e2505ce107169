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


def put(offset: int, epoch: int) -> Provenance:
    return Provenance(f"quarantine/tcs_events/observatory/0/{offset}", 0, epoch=epoch)


def reads(epoch: int) -> Provenance:
    return Provenance("quarantine/tcs_events/observatory/0/epoch", epoch)


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
        ([put(1, 1), reads(2), put(2, 1), put(3, 2)], [True, True, False, True]),
        ([reads(2), put(2, 1)._replace(epoch=None)], [True, True]),  # somebody decided
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


def standing(seq: int, epoch: int | None = None) -> Provenance:
    return Provenance("guard/observatory/0", seq, epoch=epoch, standing=True)


@pytest.mark.parametrize(
    ("said", "news"),
    [
        ([standing(9), decided(5, 1), decided(6, 1)], [True, True, True]),
        ([standing(9), decided(8, 1), decided(9, 1), decided(10, 1)], [True, True, False, True]),
        ([standing(9), standing(9), standing(8)], [True, False, True]),
        ([decided(5, 1), standing(5), standing(4), standing(6)], [True, False, False, True]),
        ([took_over(2), standing(9, epoch=1), decided(5, 2)], [True, True, True]),
        ([decided(5, 1), standing(4, epoch=1), standing(4, epoch=1)], [True, True, False]),
    ],
)
def test_what_stands_before_a_replay_s_start_hides_nothing_behind_it(
    said: list[Provenance], news: list[bool]
) -> None:
    waters: dict[str, int] = {}
    assert [is_news(provenance, waters) for provenance in said] == news


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 8), st.booleans()), max_size=40))
def test_wherever_a_replay_goes_each_record_is_news_once(said: list[tuple[str, int, bool]]) -> None:
    waters: dict[str, int] = {}
    news = [
        (source, seq)
        for source, seq, stands in said
        if is_news(Provenance(source, seq, standing=stands), waters)
    ]
    assert len(news) == len(set(news))
