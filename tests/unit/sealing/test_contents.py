"""A seal's text says the seal, and spans of offsets are told as they are."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.sealing.contents import (
    Seal,
    SealedPartition,
    SealedSchema,
    SealedStanding,
    SealedView,
    SealTooNew,
    Standings,
    Stretch,
    from_text,
)
from infra.sealing.findings import joined, runs
from infra.sealing.stretches import digest_of

NUMBERS = st.integers(0, 2**63 - 1)
DIGESTS = st.binary(min_size=16, max_size=16).map(bytes.hex)
STRETCHES = st.lists(st.builds(Stretch, NUMBERS, NUMBERS, NUMBERS, DIGESTS), max_size=4).map(tuple)
PARTITIONS = st.builds(
    SealedPartition, st.text(), NUMBERS, st.text(), NUMBERS, NUMBERS, DIGESTS, STRETCHES
)
VIEWS = st.builds(
    SealedView,
    st.text(),
    st.text(),
    NUMBERS,
    DIGESTS,
    NUMBERS,
    st.none() | DIGESTS,
    st.lists(st.tuples(st.text(), NUMBERS, NUMBERS), max_size=3).map(tuple),
    st.text(),
    DIGESTS,
)
STANDING = st.builds(
    SealedStanding,
    NUMBERS,
    st.lists(
        st.tuples(st.sampled_from(["observatory", "a/b"]), NUMBERS, st.lists(NUMBERS).map(tuple)),
        max_size=2,
    ).map(tuple),
)
SEALS = st.builds(
    Seal,
    st.text(),
    NUMBERS,
    NUMBERS,
    st.text(),
    st.lists(PARTITIONS, max_size=3).map(tuple),
    st.lists(VIEWS, max_size=3).map(tuple),
    st.lists(st.builds(SealedSchema, NUMBERS, st.text(), st.text()), max_size=3).map(tuple),
    st.none() | st.builds(Standings, STANDING, STANDING),
)
OFFSETS = st.sets(st.integers(0, 30)).map(sorted)


@given(seal=SEALS)
def test_a_seal_comes_back_from_its_text(seal: Seal) -> None:
    assert from_text(seal.text()) == seal
    assert from_text(seal.text()).text() == seal.text()


def test_a_seal_of_a_later_format_is_refused() -> None:
    text = Seal("2026-11-21", 1, 0, "evctl", (), (), ()).text()
    later = json.dumps({**json.loads(text), "format": 2})
    with pytest.raises(SealTooNew, match="format 2, and this evctl knows up to 1"):
        from_text(later)


@given(offsets=OFFSETS)
def test_runs_are_as_long_as_they_can_be(offsets: list[int]) -> None:
    found = list(runs(offsets))
    assert [n for first, last in found for n in range(first, last + 1)] == offsets
    assert all(later[0] > run[1] + 1 for run, later in pairwise(found))


@given(spans=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5)), max_size=6))
def test_spans_that_touch_are_joined(spans: list[tuple[int, int]]) -> None:
    given_spans = sorted((first, first + more) for first, more in spans)
    whole = {n for first, last in given_spans for n in range(first, last + 1)}
    assert list(joined(given_spans)) == list(runs(sorted(whole)))


@given(stretches=STRETCHES)
def test_the_digest_of_a_partition_sees_each_stretch(stretches: tuple[Stretch, ...]) -> None:
    for at, stretch in enumerate(stretches):
        other = stretch._replace(digest=f"{int(stretch.digest, 16) ^ 1:032x}")
        changed = (*stretches[:at], other, *stretches[at + 1 :])
        assert digest_of(changed) != digest_of(stretches)
