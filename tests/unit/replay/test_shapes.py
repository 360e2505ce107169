"""What fits a shape holds what the shape does, and is Avro."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.log.registry import Decode
from infra.replay.shapes import shape_of
from schemas import avro, framing
from schemas.avro import NotAvro
from schemas.catalogue import events
from schemas.declare import Holds
from schemas.events.tcs import TcsEvent
from schemas.framing import HEADER_SIZE
from schemas.plain import from_plain
from tests.unit.projections.logs import TCS_EVENTS
from tests.unit.schemas.arbitrary import data_of

PREFIX = framing.prefix(7)
HOLDING = [cls for cls in events().values() if cls.holds is not None]


def event_of(cls: type) -> st.SearchStrategy[Any]:
    if cls is TcsEvent:
        return TCS_EVENTS
    return data_of(avro.schema_of(cls)).map(from_plain(cls))


@pytest.mark.parametrize("cls", HOLDING)
@given(data=st.data())
def test_what_fits_decodes_and_holds_the_same(cls: type, data: st.DataObject) -> None:
    schema = avro.schema_of(cls)
    encode, decode = avro.writer(cls, PREFIX), avro.reader(schema, cls)
    one, other = data.draw(event_of(cls)), data.draw(event_of(cls))
    shape = shape_of(schema, one, encode(one), HEADER_SIZE)
    if shape is None:
        return
    altered = bytearray(encode(one))
    altered[data.draw(st.integers(0, len(altered) - 1))] = data.draw(st.integers(0, 255))
    for value in (encode(one), encode(other), bytes(altered), encode(one) + b"\x00"):
        if shape.fits.fullmatch(value):
            assert held(decode, value) in {shape.holds, None}


def held(decode: Decode, value: bytes) -> Holds | None:
    """Return what a record holds, none where only its text can't be read: that is not looked at."""
    try:
        holds: Holds = decode(value, HEADER_SIZE).holds
    except NotAvro as fault:
        if "UnicodeDecodeError" in str(fault):
            return None
        raise
    return holds


def test_the_next_event_of_a_name_fits() -> None:
    schema, encode = avro.schema_of(TcsEvent), avro.writer(TcsEvent, PREFIX)
    values: dict[str, Any] = {"az": 1.5, "on": True, "n": 3, "none": None}
    values |= {"filter": "g", "par": [1, 2.5, None]}
    one = TcsEvent(17, 18, "tcs", "root", "ra", False, values, {})
    shape = shape_of(schema, one, encode(one), HEADER_SIZE)
    assert shape is not None
    others: dict[str, Any] = {"az": None, "on": 2, "n": -(2**63), "none": 0.1}
    others |= {"filter": "x" * 63, "par": [0, 0, 1]}
    fitting = replace(one, data_time=2**62, wire_time=-5, values=others)
    assert shape.fits.fullmatch(encode(fitting))
    for unlike in ({**others, "more": 1}, {**others, "filter": "x" * 64}, {**others, "par": [0]}):
        assert not shape.fits.fullmatch(encode(replace(one, values=unlike)))
    changes: dict[str, Any] = {"key": "dec", "more_data": True, "original_text": {"az": "1.50"}}
    for name, change in changes.items():
        assert not shape.fits.fullmatch(encode(replace(one, **{name: change})))
