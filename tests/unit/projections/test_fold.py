"""A batch in the making: repeats, records that do not fit, and how far a partition was read."""

from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import MetaData, Table

from projections import Change, Increment, Insert, View
from projections.columns import MAX_SOURCE, text, whole
from projections.fold import Fold, FoldedBatch, Held, RecordDoesNotFit
from schemas.events.ticks import TimePassed
from schemas.record import AnyRecord, Position, Provenance, Record

COUNTS = Table("counts", MetaData(), text("word", 5, "a word", key=True), whole("times", "count"))
WHERE = ("observatory", 0)


def of(*words: str) -> View:
    """Return a view that counts these words for each record."""

    def project(record: AnyRecord) -> Sequence[Change]:
        if not words:
            raise ValueError("a fault of the view")
        return [Increment(COUNTS, (word,), {"times": 1}) for word in words]

    return View("counts", 1, ("observatory",), (COUNTS,), project)


def record(offset: int, seq: int | None = None, source: str = "tcs") -> AnyRecord:
    provenance = Provenance(source, offset if seq is None else seq)
    return Record(TimePassed(0), provenance, None, 0, Position(*WHERE, offset))


def folded(view: View, held: Held, *records: AnyRecord) -> FoldedBatch:
    fold = Fold(view, {WHERE: held})
    for one in records:
        fold.add(one)
    return fold.finish()


def rows(batch: FoldedBatch) -> list[Any]:
    return [row for statement in batch.statements for row in statement.rows]


def test_changes_of_one_row_are_one_row() -> None:
    batch = folded(of("a", "b", "a"), Held(1, 0), record(0), record(1))
    assert rows(batch) == [("a", 4), ("b", 2)]
    assert (batch.applied, batch.repeats) == (2, 0)


def test_what_a_source_said_before_is_passed_over() -> None:
    held = Held(3, 10, {"tcs": 7, "other": 1})
    batch = folded(of("a"), held, record(10, 7), record(11, 8), record(12, 8), record(15, 2, "new"))
    assert rows(batch) == [("a", 2)]
    (span,) = batch.spans
    assert (span.epoch, span.start, span.end) == (3, 10, 16)
    assert span.high_waters == {"tcs": 8, "new": 2}
    assert span.last is not None
    assert span.last.position.offset == 15
    held.advance(span)
    assert held == Held(3, 16, {"tcs": 8, "other": 1, "new": 2})


def standing(offset: int, seq: int) -> AnyRecord:
    one = record(offset, seq)
    return one._replace(provenance=one.provenance._replace(standing=True))


def test_what_stands_before_a_replay_s_start_is_applied_once_and_hides_nothing() -> None:
    held = Held(1, 0, {"tcs": 2})
    said = [standing(0, 9), standing(1, 9), standing(2, 1), record(3, 7), record(4, 9)]
    batch = folded(of("a"), held, *said)
    assert (rows(batch), batch.repeats) == ([("a", 2)], 3)
    held.advance(batch.spans[0])
    batch = folded(of("a"), held, standing(5, 9), record(6, 9), record(7, 8), record(8, 10))
    assert (rows(batch), batch.repeats) == ([("a", 2)], 2)


def test_what_was_read_before_is_passed_over() -> None:
    batch = folded(of("a"), Held(1, 5), record(4), record(5), record(5))
    assert rows(batch) == [("a", 1)]
    assert batch.spans[0].end == 6


def test_a_partition_read_without_effect_still_moves_on() -> None:
    fold = Fold(of("a"), {WHERE: Held(1, 0)})
    fold.pass_over(Position(*WHERE, 4))
    (span,) = fold.finish().spans
    assert (span.start, span.end, span.last, span.high_waters) == (0, 5, None, {})


def test_no_reading_is_no_span() -> None:
    assert folded(of("a"), Held(1, 5), record(4)) == FoldedBatch((), (), 0, 1)


def test_a_text_too_long_names_itself_and_changes_nothing() -> None:
    fold = Fold(of("a", "äöüäöü"), {WHERE: Held(1, 0)})
    with pytest.raises(RecordDoesNotFit) as caught:
        fold.add(record(3))
    assert str(caught.value) == (
        "The record observatory[0]@3 does not fit counts.word: 'äöüäöü' has 6 characters, "
        "of which 5 are allowed; shorten it where it is produced."
    )
    assert caught.value.position.offset == 3
    batch = fold.finish()
    assert (batch.statements, batch.spans) == ((), ())


def test_five_characters_fit_however_many_bytes_they_have() -> None:
    assert rows(folded(of("🔭🔭🔭🔭🔭"), Held(1, 0), record(0))) == [("🔭🔭🔭🔭🔭", 1)]


def test_texts_beside_the_key_are_measured_too() -> None:
    named = Table("named", MetaData(), whole("number", "", key=True), text("word", 2, ""))
    view = View("named", 1, ("observatory",), (named,), lambda _: [Insert(named, (1,), ("abc",))])
    with pytest.raises(RecordDoesNotFit, match=r"named\.word"):
        folded(view, Held(1, 0), record(0))


def test_a_source_too_long_is_refused() -> None:
    with pytest.raises(RecordDoesNotFit, match="its source"):
        folded(of("a"), Held(1, 0), record(0, source="s" * (MAX_SOURCE + 1)))


def test_a_view_that_raises_changes_nothing() -> None:
    fold = Fold(of(), {WHERE: Held(1, 0)})
    with pytest.raises(ValueError, match="fault of the view"):
        fold.add(record(0))
    fold.pass_over(Position(*WHERE, 0))
    assert fold.finish().spans[0].end == 1
