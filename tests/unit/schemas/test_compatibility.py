"""What keeps versions from reading each other is found, with the field and what to do."""

import json
from typing import Any

import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse
from hypothesis import given
from hypothesis import strategies as st

from schemas.avro import Schema
from schemas.compatibility import between, faults
from schemas.differences import differences
from schemas.language import Language
from schemas.published_files import Published
from schemas.resolving import meet
from schemas.upcasting import Upcaster
from tests.unit.schemas.three_versions import SKY, program

TIME = {"name": "t", "type": {"type": "long", "logicalType": "timestamp-micros"}, "unit": "us"}
LONG = {"name": "n", "type": "long"}
DOUBLE = {"name": "n", "type": "double"}
NOTE = {"name": "note", "type": ["null", "string"], "default": None}


def record(*members: Any) -> Schema:
    return {"type": "record", "name": "Seen", "namespace": "evctl", "fields": list(members)}


def told(old: Schema, new: Schema) -> list[str]:
    """What is wrong with a second version, in either direction."""
    return [str(fault) for fault in [*between(1, old, 2, new), *between(2, new, 1, old)]]


KEEP = "keep it as it was, and add a field of another name, with a default"

WRONG = [
    (
        [TIME, LONG, {"name": "more", "type": "long"}],
        (
            "version 2 can't read version 1: field more: it is not there, and has no default; give "
            'it a default, or `Was("…")` if it had another name in version 1'
        ),
    ),
    (
        [TIME],
        (
            "version 1 can't read version 2: field n: it is not there, and has no default; only a "
            "field with a default may go: keep it in the class, or mark the field that replaces it "
            '`Was("n")`'
        ),
    ),
    (
        [TIME, {**LONG, "name": "m"}],
        (
            "version 2 can't read version 1: field m: it is not there, and has no default; give it "
            'a default, or `Was("…")` if it had another name in version 1'
        ),
    ),
    (
        [TIME, DOUBLE],
        (
            "version 1 can't read version 2: field n: float can't be read as int; mark it "
            "`Widened(int)`, and older programs read it rounded"
        ),
    ),
    (
        [TIME, {**LONG, "type": "string"}],
        f"version 1 can't read version 2: field n: str can't be read as int; {KEEP}",
    ),
    (
        [TIME, {**LONG, "type": ["null", "long"]}],
        f"version 1 can't read version 2: field n: None can't be read as int; {KEEP}",
    ),
    (
        [TIME, {**LONG, "unit": "m"}],
        (
            "version 1 can't read version 2: field n: a number in m would be taken for a number of "
            f"no unit; {KEEP}"
        ),
    ),
    (
        [{**TIME, "type": "long"}, LONG],
        (
            "version 1 can't read version 2: field t: a number in us would be taken for "
            f"timestamp-micros in us; {KEEP}"
        ),
    ),
    (
        [TIME, {"name": "n", "type": {"type": "map", "values": "long"}}],
        f"version 1 can't read version 2: field n: Mapping[str, int] can't be read as int; {KEEP}",
    ),
]


@pytest.mark.parametrize(("members", "sentence"), WRONG, ids=[text[-60:] for _, text in WRONG])
def test_a_change_that_breaks_is_told_with_its_field(members: list[Any], sentence: str) -> None:
    assert sentence in told(record(TIME, LONG), record(*members))


RIGHT = [
    [TIME, LONG, NOTE],
    [TIME, NOTE, LONG],
    [TIME, {**LONG, "doc": "how many"}],
    [TIME, {**LONG, "name": "m", "aliases": ["n"]}],
    [TIME, {**DOUBLE, "widened": "long"}],
    [TIME, {"name": "m", "type": "double", "aliases": ["n"], "widened": "long"}],
    [TIME, LONG, {"name": "more", "type": "long", "default": 0}],
]


@pytest.mark.parametrize("members", RIGHT)
def test_a_change_that_does_not_break_is_let_pass(members: list[Any]) -> None:
    assert told(record(TIME, LONG), record(*members)) == []


def test_the_event_s_time_stays_first() -> None:
    other = {**TIME, "name": "u", "default": 0}
    sentence = (
        "it is the event's time, read from the first bytes alone, and is not first there; leave "
        "the event's time first"
    )

    assert told(record(TIME, LONG), record(other, TIME, LONG)) == [
        f"version 1 can't read version 2: field t: {sentence}",
        f"version 2 can't read version 1: field u: {sentence}",
    ]


def test_a_value_inside_another_is_named_by_its_path() -> None:
    def with_values(*kinds: Any) -> Schema:
        inner = record({"name": "values", "type": {"type": "array", "items": list(kinds)}})
        return record(TIME, {"name": "inside", "type": {**inner, "name": "Inner"}})

    (found,) = differences(with_values("null", "long"), with_values("null", "long", "string"))

    assert found.field == "inside.values[]"
    assert found.why == "str can't be read as None | int"


def test_a_field_that_is_retired_and_one_that_is_new_need_defaults() -> None:
    with_note, without = record(TIME, LONG, NOTE), record(TIME, LONG)

    assert told(with_note, without) == told(without, with_note) == []


def language(*versions: Schema, upcasters: Any = ()) -> Language:
    history = [Published("Seen", number, schema) for number, schema in enumerate(versions, 1)]
    return Language({}, {"Seen": history}, upcasters)


def test_every_version_is_compared_with_every_other() -> None:
    """Each step is harmless, but version 3 has given the old name to something else."""
    first, second = record(TIME, LONG), record(TIME, {**LONG, "name": "m", "aliases": ["n"]})
    third = record(TIME, {**LONG, "name": "m"}, {"name": "n", "type": "long", "default": 0})

    found = list(faults(language(first, second, third), "Seen"))

    assert [(fault.reader, fault.writer, fault.field) for fault in found] == [(3, 1, "m")]


def test_a_name_is_not_a_field_s_and_another_s_past() -> None:
    both = record(TIME, LONG, {"name": "m", "type": "long", "aliases": ["n"], "default": 0})

    found = [str(fault) for fault in faults(language(both), "Seen")]

    assert found == [
        (
            "version 1: field m: n is its former name and another field, too; a name that was used "
            "is not used for anything else: take another one"
        )
    ]


def test_a_default_has_to_fit() -> None:
    (found,) = faults(language(record(TIME, {**LONG, "default": "none"})), "Seen")

    assert str(found) == (
        "version 1: field n: its default 'none' is not a whole number of 64 bits; mend it"
    )


def test_a_class_that_is_not_published_is_the_next_version() -> None:
    before, after = program(1, SKY), program(2, SKY)
    unpublished = before._replace(classes={"SkyMeasured": SKY[2]})

    assert list(faults(unpublished, "SkyMeasured")) == []
    assert list(faults(after._replace(classes={"SkyMeasured": SKY[2]}), "SkyMeasured")) == []
    gone = after._replace(classes={"SkyMeasured": SKY[0]})
    assert [(f.reader, f.writer, f.field) for f in faults(gone, "SkyMeasured")] == []


def test_an_upcaster_of_a_version_that_is_not_there_is_told() -> None:
    found = list(faults(language(record(TIME), upcasters=[step(1)]), "Seen"))

    assert [str(fault) for fault in found] == [
        "version 1: there is an upcaster of it, but not both of versions 1 and 2; published are 1"
    ]


def test_an_upcaster_can_not_tell_versions_apart_that_differ_in_a_unit_only() -> None:
    versions = record(TIME, LONG), record(TIME, {**LONG, "unit": "m"})

    found = list(faults(language(*versions, upcasters=[step(1)]), "Seen"))

    assert "records of both name one schema id" in str(found[0])
    assert [(fault.reader, fault.writer, fault.field) for fault in found[1:]] == [(1, 2, "n")]


def test_an_upcaster_answers_for_reading_its_version_only() -> None:
    first, second = record(TIME, LONG), record(TIME, {"name": "m", "type": "string"})

    found = list(faults(language(first, second, upcasters=[step(1)]), "Seen"))

    assert [(fault.reader, fault.writer, fault.field) for fault in found] == [(1, 2, "n")]


def step(version: int) -> Upcaster:
    return Upcaster("Seen", version, lambda fields: fields)


# A second opinion

KINDS: Any = st.recursive(
    st.sampled_from(["null", "boolean", "long", "double", "string", "bytes"]),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"type": st.just("array"), "items": inner}),
        st.fixed_dictionaries({"type": st.just("map"), "values": inner}),
    ),
    max_leaves=3,
)
UNIONS = st.lists(st.sampled_from(["null", "long", "double", "string"]), min_size=1, unique=True)


@given(KINDS | UNIONS, KINDS | UNIONS)
def test_another_library_s_check_says_the_same(one: Any, other: Any) -> None:
    ours, theirs = record({"name": "n", "type": one}), record({"name": "n", "type": other})

    checker: Any = ReaderWriterCompatibilityChecker  # its methods are not annotated
    found = checker().get_compatibility(
        parse(json.dumps(meet(ours, theirs).schema)), parse(json.dumps(theirs))
    )

    compatible = found.compatibility is SchemaCompatibilityType.compatible
    assert (list(differences(ours, theirs)) == []) == compatible
