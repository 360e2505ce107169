"""What the campaign compares with would tell if something were wrong, and a seed repeats itself."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from schemas.events.notices import NoticeDelivered, NoticeExpired, NoticeRequested
from schemas.events.services import SettingsTookEffect
from schemas.record import INDEX_BITS, AnyRecord, Position, Provenance, Record
from schemas.repeats import Repeats
from tests.crash.chaos.comparing import compare_board, compare_rows
from tests.crash.chaos.publisher import last_acknowledged
from tests.crash.chaos.schedule import Kind, blows
from tests.crash.chaos.script import LARGEST_BATCH, TELESCOPE, Script
from tests.crash.chaos.tally import Tally
from tests.crash.chaos.witness import Decisions, Notices, Said

SCRIPT = Script(1_795_000_000_000_000)


def said(seqs: Iterable[int]) -> Said:
    """Return what is seen of a log that has these numbers of a publisher, in this order."""
    found, repeats, offsets = Said("mount", SCRIPT), Repeats(), count()
    for seq in seqs:
        record = at(next(offsets), SCRIPT.event("mount", seq), Provenance("mount", seq))
        found.see(record, is_repeat=repeats.has(record))
    return found


def at(offset: int, event: Any, provenance: Provenance) -> AnyRecord:
    return Record(event, provenance, None, 0, Position("observatory", 0, offset))


@pytest.mark.parametrize(
    ("seqs", "acked", "wrong"),
    [
        ([0, 1, 2, 3], 3, {}),
        ([0, 1, 2, 3], 1, {}),  # two were under way
        ([0, 1, 2, 1, 2, 3], 3, {}),  # sent again, and passed over by every reader
        ([0, 1, 2], 3, {"lost": 1}),
        ([0, 2, 3], 3, {"lost": 1}),
        ([0, 2, 1, 3], 3, {"lost": 1, "disordered": 1}),
        ([], 3, {"lost": 4}),
        (range(LARGEST_BATCH + 6), 3, {"altered": 2}),
    ],
)
def test_the_log_beside_a_journal(seqs: Iterable[int], acked: int, wrong: dict[str, int]) -> None:
    assert said(seqs).compare(acked) == replace(Tally(acked + 1), **wrong)


def test_another_event_under_a_number() -> None:
    found = said([0, 1])
    found.see(at(2, SCRIPT.event("mount", 7), Provenance("mount", 2)), is_repeat=False)
    assert found.compare(2).altered == 1


def rows(seqs: Iterable[int]) -> dict[bytes, list[tuple[Any, ...]]]:
    found: dict[bytes, list[tuple[Any, ...]]] = {}
    for seq in seqs:
        payload = f'{{"n":{seq},"x":{seq * 0.25},"said":"mount {seq}"}}'
        time = SCRIPT.event("mount", seq).wire_time  # type: ignore[union-attr]
        row = (time, "mount", "mount", payload)
        found.setdefault(Provenance("mount", seq).id_bytes, []).append(row)
    return found


@pytest.mark.parametrize(
    ("seqs", "wrong"),
    [
        ([0, 1, 2], {}),
        ([2, 0], {"lost": 1}),
        ([0, 1, 2, 1], {"duplicated": 1}),
    ],
)
def test_rows_beside_the_log(seqs: Iterable[int], wrong: dict[str, int]) -> None:
    there = rows(seqs)
    assert compare_rows(there, said([0, 1, 2]), SCRIPT, 2) == replace(Tally(3), **wrong)
    assert there == {}


def test_a_row_that_nobody_said_and_one_that_was_altered() -> None:
    there = rows([0, 1, 2, 9])
    there[Provenance("mount", 1).id_bytes] = rows([2])[Provenance("mount", 2).id_bytes]
    assert compare_rows(there, said([0, 1, 2]), SCRIPT, 2) == Tally(3, altered=1)
    assert list(there) == [Provenance("mount", 9).id_bytes]


def decisions() -> tuple[Decisions, list[AnyRecord]]:
    """Return a model that has read a stretch of the telescope's time, and what it waits for."""
    model, offsets = Decisions(0), count()
    settings = SettingsTookEffect(0, "silence", {"after": "3.0"}, "")
    model.see(at(next(offsets), settings, Provenance("silence/observatory/0/settings", 1)))
    for seq in range(24):
        model.see(at(next(offsets), SCRIPT.event(TELESCOPE, seq), Provenance(TELESCOPE, seq)))
    own = [
        at(
            next(offsets),
            one.event,
            Provenance(
                "silence/observatory/0",
                one.cause << INDEX_BITS | one.number,
                cause=UUID(int=one.cause),
                epoch=1,
            ),
        )
        for one in model.waiting
    ]
    assert len(own) == 6
    return model, own


@pytest.mark.parametrize(
    ("taken", "wrong"),
    [
        ([0, 1, 2, 3, 4, 5], {}),
        ([0, 2, 3, 4, 5], {"lost": 1}),
        ([0, 1, 1, 2, 3, 4, 5], {"duplicated": 1}),
        ([1, 0, 2, 3, 4, 5], {"lost": 1, "duplicated": 1}),
    ],
)
def test_decisions_beside_the_model(taken: list[int], wrong: dict[str, int]) -> None:
    model, own = decisions()
    for number in taken:
        model.see(own[number])
    assert not model.waiting
    assert model.tally == replace(Tally(len(taken)), **wrong)


def test_a_decision_that_does_not_come_is_waited_for() -> None:
    model, own = decisions()
    for record in own[:-1]:
        model.see(record)
    assert len(model.waiting) == 1


def test_requests_their_ends_and_the_board(tmp_path: Path) -> None:
    notices, asked = Notices(0), NoticeRequested(0, "subject", "text", 9)
    ids = []
    for offset in range(3):
        record = at(offset, asked, Provenance("silence/observatory/0", offset))
        ids.append(str(record.id))
        notices.see(record)
    for end in (NoticeDelivered(0, ids[0], "board"), NoticeExpired(0, ids[1], 0)):
        notices.see(at(9, end, Provenance("notices/observatory/0", 1)))
    assert notices.waiting == 1
    for name in ids[:2]:
        (tmp_path / f"{name}.txt").touch()
    line = "2026-11-26T00:00:00Z  {}  subject\n"
    acts = [line.format(name) for name in (ids[0], ids[1], ids[0])]
    (tmp_path / "notices.log").write_text("".join(acts))
    found, twice = compare_board(tmp_path, notices)
    assert (found, twice) == (Tally(2, altered=1), 1)  # one is up that the log calls too late
    notices.see(at(10, NoticeExpired(0, ids[0], 0), Provenance("notices/observatory/0", 2)))
    assert notices.tally.duplicated == 1


def test_a_journal_ends_with_its_last_whole_line(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    assert last_acknowledged(journal) == -1
    journal.write_bytes(b"20\n41\n6")
    assert last_acknowledged(journal) == 41


def test_a_seed_repeats_its_rounds() -> None:
    first, again = (list(islice(blows(7, frozenset(Kind)), 500)) for _ in range(2))
    assert first == again
    assert {blow.kind for blow in first} == set(Kind)
