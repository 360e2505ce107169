"""Sizes are read as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.settings.quantity import to_bytes, to_text


@pytest.mark.parametrize(
    ("written", "size"),
    [("256 MB", 256_000_000), ("1GiB", 2**30), ("1.5 kb", 1500), ("0", 0), (7, 7), (None, None)],
)
def test_sizes(written: object, size: object) -> None:
    assert to_bytes(written) == size


@pytest.mark.parametrize("written", ["", "MB", "-1 MB", "1 parsec", "1e3", "1 MB 2", "nan"])
def test_what_is_no_size_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="a size is a number and one of B, kB"):
        to_bytes(written)


@given(st.integers(0, 10**18))
def test_text_keeps_one_decimal(size: int) -> None:
    read = to_bytes(to_text(size))
    assert isinstance(read, int)
    assert abs(read - size) <= 0.051 * size
