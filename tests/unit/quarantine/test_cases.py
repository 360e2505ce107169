"""Cases in a temporary file: as a dictionary has them, and in little memory however many."""

import sqlite3
import tracemalloc
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.quarantine import cases as module
from infra.quarantine.cases import Cases
from infra.quarantine.entries import Case, Entry, Status
from infra.quarantine.errors import CasesNotKept
from schemas.record import Position

NAMESPACE, TOPICS = "het.", ("alerts", "observatory")
READERS = ("tcs_events", "tcs_latest", "silence")
MOST = 1 << 20

CASES = st.builds(
    Case, st.sampled_from(READERS), st.sampled_from(TOPICS), st.integers(0, 2), st.integers(0, 5)
)
ENTRIES = st.builds(
    Entry,
    case=CASES,
    status=st.sampled_from(Status),
    reason=st.text(st.characters(codec="utf-8"), max_size=5),
    record_id=st.none() | st.just("an id"),
    digest=st.sampled_from(["a", "b"]),
    changed=st.integers(0, 3),
    steps=st.integers(0, 2**62),
    quarantined=st.none() | st.integers(0, 3),
    at=st.none() | st.integers(0, 2**62),
    who=st.sampled_from(["", "maria"]),
    why=st.sampled_from(["", "a test"]),
)
SPANS = st.dictionaries(
    st.tuples(st.sampled_from([f"{NAMESPACE}{name}" for name in TOPICS]), st.integers(0, 2)),
    st.tuples(st.integers(0, 3), st.integers(0, 6)),
)


def bad(offset: int) -> Entry:
    """Return the entry of a record that was just quarantined."""
    case = Case("tcs_events", "observatory", 0, offset)
    return Entry(case, Status.QUARANTINED, f"a reason {offset}", None, f"{offset:032x}", offset, 1)


def put_many(kept: Cases) -> None:
    for offset in range(10_000):
        kept.put(bad(offset))


@settings(max_examples=40)
@given(st.lists(ENTRIES, max_size=20), SPANS, st.sets(st.sampled_from(Status)), st.integers(-1, 3))
def test_they_are_a_dictionary_of_the_newest(
    entries: Sequence[Entry],
    spans: dict[tuple[str, int], tuple[int, int]],
    statuses: set[Status],
    since: int,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_PAGE", 3)
        kept, wanted = Cases(), {entry.case: entry for entry in entries}
        for entry in entries:
            kept.put(entry)
        assert dict(kept) == wanted
        assert list(kept) == sorted(wanted)
        assert len(kept) == len(wanted)
        assert kept.readers == {case.reader for case in wanted}
        for reader in READERS:
            mine = [wanted[case] for case in sorted(wanted) if case.reader == reader]
            assert list(kept.of(reader)) == mine
            places = {e.case: Position(*e.case.place(NAMESPACE), e.case.offset) for e in mine}
            inside = {
                places[e.case]: e.digest
                for e in mine
                if e.case.offset in range(*spans.get(e.case.place(NAMESPACE), (0, 0)))
                and e.status in statuses
            }
            assert kept.within(reader, statuses, spans) == inside
            ends = {place: end for place, (_, end) in spans.items()}
            before = [e for e in mine if e.case.offset < ends.get(e.case.place(NAMESPACE), 0)]
            assert kept.changed(reader, ends) is bool(before)
            assert kept.changed(reader, ends, since) is any(e.changed > since for e in before)


def test_who_reads_them_can_write_others_meanwhile() -> None:
    kept = Cases()
    for offset in range(3 * module._PAGE):
        kept.put(bad(offset))
    seen = 0
    for entry in kept.of("tcs_events"):
        assert entry.case.offset == seen
        kept.put(bad(seen))
        seen += 1
    assert seen == len(kept) == 3 * module._PAGE


def test_memory_does_not_grow_with_them() -> None:
    kept = Cases()
    for offset in range(100):
        kept.put(bad(offset))
    tracemalloc.start()
    try:
        for offset in range(100, 10_000):
            kept.put(bad(offset))
        assert sum(1 for _ in kept.of("tcs_events")) == 10_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MOST
    assert kept._ask("PRAGMA cache_size") == [(-4096,)]  # KiB, of what is not Python's


def test_a_full_disk_is_said_in_one_sentence() -> None:
    kept = Cases()
    (pages,) = kept._ask("PRAGMA page_count")[0]
    kept._ask(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(CasesNotKept) as raised:
        put_many(kept)
    assert isinstance(raised.value.__cause__, sqlite3.OperationalError)
    assert str(raised.value) == (
        "What is known of quarantined records can't be kept in a temporary file: database or disk "
        "is full. Make room, or name another directory in TMPDIR."
    )
