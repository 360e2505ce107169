"""The five bytes before every value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.framing import NotFramed, prefix, schema_id_of

IDS = st.integers(1, 2**31 - 1)


@given(IDS, st.binary())
def test_the_id_is_read_back(number: int, avro: bytes) -> None:
    assert schema_id_of(prefix(number) + avro) == number


def test_the_frame_is_confluents() -> None:
    assert prefix(900) == b"\x00\x00\x00\x03\x84"


@pytest.mark.parametrize("value", [None, b"", b"\0\0\0\0", b"\1\0\0\0\1", b'{"time": 1}'])
def test_what_has_no_frame_is_refused(value: bytes | None) -> None:
    with pytest.raises(NotFramed, match="Confluent wire format"):
        schema_id_of(value)
