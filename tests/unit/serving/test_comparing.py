"""Decisions of two sides, compared in whatever order they come."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from infra.serving.comparing import Comparison, Difference, Only, differences
from schemas.events.orchestrator import ShotChosen
from schemas.events.services import DecisionFailed
from schemas.events.silence import SystemFellSilent
from schemas.record import AnyRecord, Position, Provenance, Record
from tests.unit.orchestrator.story import Story

CAUSE = UUID(int=7)


def decision(number: int, allowed: float = 5.0, offset: int = 0) -> AnyRecord:
    """Return the decision of a number; the offset is where its cause stands."""
    event = SystemFellSilent(number, "tcs", 0, allowed)
    provenance = Provenance("silence/observatory/0", offset << 16 | number, cause=CAUSE, epoch=1)
    return Record(event, provenance, None, number, Position("observatory", 0, offset))


@given(
    recorded=st.lists(st.integers(0, 20), unique=True),
    new=st.lists(st.tuples(st.integers(0, 20), st.booleans()), unique_by=lambda one: one[0]),
    sides=st.lists(st.booleans(), max_size=60),
)
def test_the_order_in_which_they_come_makes_no_difference(
    recorded: Sequence[int], new: Sequence[tuple[int, bool]], sides: Sequence[bool]
) -> None:
    comparison, before, now = Comparison(100), list(recorded), list(new)
    for side in [*sides, *[True] * len(before), *[False] * len(now)]:
        if side and before:
            comparison.add(Only.RECORDED, decision(before.pop(), offset=3))
        elif not side and now:
            number, other = now.pop()
            comparison.add(Only.NEW, decision(number, 6.0 if other else 5.0, offset=90))
    comparison.finish()

    numbers, changed = {number for number, _ in new}, {number for number, other in new if other}
    there = set(recorded)
    assert comparison.same == len(there & numbers - changed)
    assert comparison.counts[Only.BOTH] == len(there & changed)
    assert comparison.counts[Only.RECORDED] == len(there - numbers)
    assert comparison.counts[Only.NEW] == len(numbers - there)
    assert (comparison.recorded, comparison.new) == (len(there), len(numbers))
    assert comparison.agrees == (there == numbers and not changed)


def test_what_differs_is_named_with_both_values() -> None:
    comparison = Comparison(1)
    comparison.add(Only.RECORDED, decision(1))
    comparison.add(Only.NEW, decision(1, 6.0))
    comparison.add(Only.NEW, decision(2))
    first, difference, more = comparison.finish().lines()

    assert first == (
        "1 decision recorded, 2 new: 0 the same, 0 only recorded, 1 only new, 1 with other content"
    )
    assert difference.endswith(f"SystemFellSilent {decision(1).id} (allowed 5.0 → 6.0)")
    assert more == "  and 1 more"
    assert comparison.as_json()["differences"][0]["fields"] == {
        "allowed": {"recorded": 5.0, "new": 6.0}
    }


def test_what_is_no_number_is_no_difference_nor_is_the_place_of_a_failure() -> None:
    nan = float("nan")
    assert differences(decision(1, nan).event, decision(1, nan).event) == {}

    failed = [DecisionFailed(1, "silence", "observatory", 0, at, "no") for at in (4, 9)]
    assert differences(*failed) == {}
    assert "reason" in differences(failed[0], DecisionFailed(1, "silence", "observatory", 0, 4, ""))
    assert differences(failed[0], decision(1).event) == {
        "event": ("DecisionFailed", "SystemFellSilent")
    }


def test_where_the_causes_of_a_decision_stand_is_no_difference_but_what_they_are() -> None:
    story = Story()
    story.begin()
    story.good_sky()
    chosen = story.of(ShotChosen)[0]
    elsewhere = {name: offset + 90 for name, offset in chosen.causes.items()}

    assert differences(chosen, replace(chosen, causes=elsewhere)) == {}
    assert set(differences(chosen, replace(chosen, causes={**elsewhere, "moon": 1}))) == {"causes"}
    assert set(differences(chosen, replace(chosen, track=1 - chosen.track))) == {"track"}


def test_a_decision_of_one_side_only_is_shown_with_its_values() -> None:
    said = Difference(Only.NEW, decision(1_000_000)).sentence()
    assert said.startswith("+ 1970-01-01T00:00:01")
    assert "silence: SystemFellSilent" in said
    assert "system 'tcs'" in said
