"""The identity of records, and the headers that carry it."""

from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.record import (
    INDEX_BITS,
    NAMESPACE,
    BadHeaders,
    Position,
    Provenance,
    Record,
    from_headers,
    to_headers,
)
from tests.unit.schemas.arbitrary import INT64

AT = Position("het.observatory", 0, 17)
SOURCES = st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1)
UUIDS = st.uuids()

provenances = st.builds(
    Provenance,
    source=SOURCES,
    seq=INT64,
    given_id=st.none() | UUIDS,
    cause=st.none() | UUIDS,
    epoch=st.none() | st.integers(0, 2**31),
    replay=st.none() | st.text(),
    standing=st.booleans(),
)


@given(provenances)
def test_headers_say_all_of_it(provenance: Provenance) -> None:
    assert from_headers(to_headers(provenance), AT) == provenance


@given(SOURCES, INT64)
def test_an_id_is_the_uuid5_of_source_and_seq(source: str, seq: int) -> None:
    record = Record(None, Provenance(source, seq), None, 0, AT)

    assert record.id == uuid5(NAMESPACE, f"{source}:{seq}")


@given(UUIDS, st.integers(0, 2**40), st.integers(0, 2**INDEX_BITS - 1))
def test_the_id_of_a_decision_is_the_uuid5_of_service_and_index_in_its_cause(
    cause: UUID, offset: int, index: int
) -> None:
    decided = Provenance("orchestrator/observatory/0", offset << INDEX_BITS | index, cause=cause)

    assert decided.id_bytes == uuid5(cause, f"orchestrator:{index}").bytes


@given(provenances, UUIDS)
def test_a_given_id_wins(provenance: Provenance, kept: UUID) -> None:
    assert provenance._replace(given_id=kept).id_bytes == kept.bytes


def test_ids_do_not_change() -> None:
    assert str(NAMESPACE) == "6f2f1e5a-3c57-5d0b-9c1e-3d1f6f3f0b11"
    assert Provenance("spool", 1).id_bytes.hex() == "09e8d2a9eb0d5c69bc4193672daa1c18"


def test_a_record_of_a_foreign_client_is_known_by_its_place() -> None:
    expected = Provenance("het.observatory/0", 17)

    assert from_headers(None, AT) == from_headers([("traceparent", b"00-1")], AT) == expected


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ([("src", b"spool")], "'src'.*SOURCE:SEQ"),
        ([("src", b"spool:one")], "'src'.*SOURCE:SEQ"),
        ([("src", b"\xff:1")], "'src'.*SOURCE:SEQ"),
        ([("src", b"spool:1"), ("id", b"short")], "'id'.*16 bytes"),
        ([("src", b"spool:1"), ("cause", b"short")], "'cause'.*16 bytes"),
        ([("src", b"spool:1"), ("epoch", b"new")], "'epoch'.*decimal"),
    ],
)
def test_headers_that_are_not_ours_are_refused_by_name(
    headers: list[tuple[str, bytes]], told: str
) -> None:
    with pytest.raises(BadHeaders, match=told):
        from_headers(headers, AT)


def test_a_position_is_written_as_in_every_message() -> None:
    assert str(AT) == "het.observatory[0]@17"
