"""Which names are wanted, and what ZeroMQ is told of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.tcs_names import Names

PIECES = st.sampled_from(("pas", "tcs", ".", "*", "?", "[ab]", "a", "Guider1"))
PATTERNS = st.lists(st.lists(PIECES, max_size=5).map("".join), min_size=1, max_size=3)


def test_without_patterns_every_name_is_wanted() -> None:
    assert Names().have("pas.Guider1.metrology_data")
    assert list(Names().prefixes) == [""]


@pytest.mark.parametrize(
    ("pattern", "prefix", "wanted", "not_wanted"),
    [
        ("pas.Guider1.seeing", "pas.Guider1.seeing", "pas.Guider1.seeing", "pas.Guider1.seeing2"),
        ("pas.*", "pas.", "pas.Guider2.x", "past.Guider2.x"),
        ("pas.Guider?.x", "pas.Guider", "pas.Guider2.x", "pas.Guider10.x"),
        ("*.heartbeat", "", "tcs.receiver.heartbeat", "tcs.receiver.heartbeats"),
        ("PAS.*", "PAS.", "PAS.a.b", "pas.a.b"),
    ],
)
def test_a_pattern(pattern: str, prefix: str, wanted: str, not_wanted: str) -> None:
    names = Names([pattern])

    assert list(names.prefixes) == [prefix]
    assert names.have(wanted)
    assert not names.have(not_wanted)


@given(PATTERNS, st.lists(PIECES, max_size=6).map("".join))
def test_no_wanted_name_is_kept_back_by_zeromq(patterns: list[str], name: str) -> None:
    names = Names(patterns)

    assert any(name.startswith(prefix) for prefix in names.prefixes) or not names.have(name)
