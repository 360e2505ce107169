"""Each namespace has tables of its own, under names that every database takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.database.tables import prefix

NAMESPACES = st.lists(
    st.text("abAB01_-", min_size=1, max_size=12) | st.sampled_from(["replay", "het"]), max_size=4
).map(lambda parts: "".join(f"{part}." for part in parts))


@given(one=NAMESPACES, other=NAMESPACES)
def test_two_namespaces_have_two_prefixes_even_without_letter_case(one: str, other: str) -> None:
    if one != other:
        assert prefix(one).lower() != prefix(other).lower()


@given(NAMESPACES)
def test_a_prefix_is_plain_and_short(namespace: str) -> None:
    assert len(prefix(namespace)) <= 28
    assert set(prefix(namespace)) <= set("abcdefghijklmnopqrstuvwxyz0123456789_$")


@pytest.mark.parametrize(
    ("namespace", "start"),
    [
        ("", ""),
        ("het.", "het__"),
        ("replay.x.", "replay_x__"),
        ("replay.2026-11-20.", "replay_2026$11$20__"),
        ("replay.x_y.", "replayxy$$gh5vyqrcd5qjryq2__"),
    ],
)
def test_a_prefix_is_readable_where_it_can_be(namespace: str, start: str) -> None:
    assert prefix(namespace) == start
