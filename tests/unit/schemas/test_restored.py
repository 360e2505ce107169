"""Restored records keep what they are, and no reader takes one for a repeat of another."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from schemas.record import Position, Provenance, from_headers, to_headers
from schemas.restored import is_restored, line_of, original_source, restored, run_of

POSITION = Position("observatory", 0, 17)
SOURCES = st.sampled_from(["clock", "import.0f", "silence/observatory/0", "het.alerts/3"])
IDS = st.none() | st.uuids()
PROVENANCES = st.builds(
    Provenance,
    SOURCES,
    st.integers(0, 2**62),
    given_id=IDS,
    cause=IDS,
    epoch=st.none() | st.integers(0, 9),
    replay=st.none() | st.just("first"),
)


@given(PROVENANCES)
def test_a_restored_record_is_the_same_under_another_line(first: Provenance) -> None:
    others = [("traceparent", b"\x00\xff")]
    headers = restored("archive.0f", first, [*to_headers(first), *others])
    found = from_headers(headers, POSITION)

    assert found.id_bytes == first.id_bytes
    assert original_source(found.source) == first.source
    same = first._replace(source=found.source, given_id=UUID(bytes=first.id_bytes))
    assert found == same
    assert headers[-1:] == others
    assert is_restored(found) == (first.replay is None)
    again = from_headers(restored("archive.0e.2", found, headers), POSITION)
    assert again == found._replace(source=f"archive.0e.2/{first.source}")


def test_each_import_has_a_line_that_tells_which_it_is() -> None:
    assert [run_of("0f", f"{line_of('0f', run)}/clock") for run in (1, 2, 30)] == [1, 2, 30]
    assert [run_of("0f", source) for source in ("clock", "archive.0e/clock", "archive.0e.2/c")] == [
        0,
        0,
        0,
    ]
