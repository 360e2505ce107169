"""`evctl schema check` and `diff`: what is said, and how it ends."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from infra.cli import app, schema_check
from infra.log.schema_store import Entry
from schemas.avro import schema_id, schema_of
from schemas.declare import REPORTED, Micros, event
from schemas.language import Language
from tests.unit.schemas.three_versions import POINTED, SKY, program


def evctl(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), prog_name="evctl")


def kept(kind: type, version: int) -> Entry:
    schema = schema_of(kind)
    return Entry(f"evctl.{kind.__name__}", version, schema_id(schema), schema)


def said(language: Language, *entries: Entry) -> list[str]:
    names = list(language.classes)
    return list(schema_check.kept_faults(language, names, entries, "_schemas"))


def test_our_own_events_are_compatible() -> None:
    result = evctl("schema", "check", "--offline")

    assert result.exit_code == 0
    assert result.stdout.startswith("ok: events: ")
    assert result.stdout.endswith("each reads every other (published files)\n")


def test_a_class_that_changed_is_told_with_its_field_and_that_it_is_not_published() -> None:
    @event(REPORTED)
    class SkyMeasured:
        """The sky's brightness was measured."""

        time: Micros

    language = program(2)._replace(classes={"SkyMeasured": SkyMeasured})
    found = list(schema_check.published_faults(language, "SkyMeasured"))

    assert found[-1] == (
        "SkyMeasured: the class differs from version 2 and is not published; run `make schemas`"
    )
    assert any(
        line.startswith("SkyMeasured: version 1 can't read version 3: field brightness: ")
        for line in found
    )


def test_what_is_on_the_log_is_known_by_what_it_is_not_by_its_number() -> None:
    language = program(2, SKY)

    assert said(language, kept(SKY[0], 1), kept(SKY[1], 7)) == []
    assert said(language, kept(POINTED[2], 1)) == []  # of an event that this program does not have


def test_a_version_of_a_newer_program_is_compared_too() -> None:
    language = program(2, SKY)
    members = [
        {key: value for key, value in field.items() if key != "widened"}
        for field in schema_of(SKY[2])["fields"]
    ]
    narrowed = kept(SKY[2], 3)._replace(schema={**schema_of(SKY[2]), "fields": members})

    (line,) = said(language, narrowed)

    assert line == (
        f"SkyMeasured: version 3 of _schemas (id {narrowed.id}), unknown to this program: version "
        "2 can't read version 3: field stars: float can't be read as int; mark it `Widened(int)`, "
        "and older programs read it rounded"
    )


def test_another_schema_under_a_published_number_is_told_field_by_field() -> None:
    found = said(program(2, SKY), kept(SKY[2], 2))

    number = kept(SKY[2], 2).id
    assert found[0] == (
        f"SkyMeasured: version 2 of _schemas (id {number}) is not the published version 2: field "
        "sky: was surface_brightness"
    )


def test_a_version_of_which_there_is_no_other_has_nothing_to_tell() -> None:
    result = evctl("schema", "diff", "NightSealed")

    assert result.exit_code == 0
    assert result.stdout.startswith("NightSealed 1: the only version")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["TimePast"], "There is no event named 'TimePast'; did you mean 'TimePassed'?"),
        (["TimePassed", "1", "9"], "TimePassed has no version 9; published are: 1, 2."),
        (["TimePassed", "0"], "TimePassed has no version 0; published are: 1, 2."),
    ],
)
def test_what_there_is_not_can_not_be_compared(words: list[str], sentence: str) -> None:
    result = evctl("schema", "diff", *words)

    assert result.exit_code == 2
    assert sentence in result.stderr


def test_with_a_log_that_is_asked_too(tmp_path: Path) -> None:
    (tmp_path / "evctl-site.yaml").write_text("log: {data_dir: log}", encoding="utf-8")
    site = ("--site-file", str(tmp_path / "evctl-site.yaml"))
    try:
        assert evctl(*site, "schema", "check").stdout.endswith("(published files and _schemas)\n")
    finally:
        evctl(*site, "broker", "stop")
