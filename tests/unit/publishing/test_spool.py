"""What goes into a spool comes out of it, in memory or not."""

from hypothesis import given
from hypothesis import strategies as st

from infra.publishing.records import Encoded
from infra.publishing.spool import Spool

records = st.builds(
    Encoded,
    kind=st.integers(0, 100),
    key=st.none() | st.text(),
    timestamp=st.integers(-(2**63), 2**63 - 1),
    data=st.binary(max_size=200),
)


@given(st.lists(records), st.lists(records))
def test_records_come_out_in_order(first: list[Encoded], second: list[Encoded]) -> None:
    with Spool() as spool:
        spool.fill(first)
        spool.fill(second)
        assert spool.records == len(first) + len(second)
        assert list(spool) == first + second
        assert list(spool) == first + second, "it can be read twice"


def test_a_large_spool_goes_to_a_file() -> None:
    big = [Encoded(0, "k", n, bytes([n]) * 2_000_000) for n in range(20)]
    with Spool() as spool:
        spool.fill(big)
        assert list(spool) == big
