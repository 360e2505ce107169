"""What a snapshot holds comes back as it was."""

from hypothesis import given
from hypothesis import strategies as st

from infra.serving.keeping import Kept

OFFSETS = st.integers(0, 2**63 - 1)
PLACES = st.tuples(st.text(max_size=9), st.integers(0, 99))


@given(
    st.builds(
        Kept,
        next_offset=OFFSETS,
        epoch=OFFSETS,
        high_waters=st.dictionaries(st.text(max_size=9), OFFSETS),
        outputs=st.dictionaries(PLACES, OFFSETS),
        settings=st.text(max_size=9),
        state=st.binary(max_size=99),
    )
)
def test_there_and_back(kept: Kept) -> None:
    assert Kept.from_bytes(kept.to_bytes()) == kept
