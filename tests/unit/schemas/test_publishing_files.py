"""How an event's schema becomes a published file."""

import json
from pathlib import Path
from typing import Annotated

import pytest

from infra.setup.publish_schemas import AlreadyPublished, file_text, publish
from schemas.avro import schema_of
from schemas.catalogue import events
from schemas.declare import REPORTED, Micros, Unit, event
from schemas.published_files import published


@event(REPORTED)
class RainFell:
    """An event that nobody has published."""

    time: Micros
    depth: Annotated[float, Unit("mm")]


@event(REPORTED)
class TimePassed:
    """A published event's name with another schema."""

    time: Micros
    note: str | None = None


def test_what_is_published_is_not_written_again(tmp_path: Path) -> None:
    assert publish(tmp_path, events()) == []


def test_a_new_event_becomes_version_1(tmp_path: Path) -> None:
    assert publish(tmp_path, {"RainFell": RainFell}) == [tmp_path / "RainFell.v1.avsc"]

    written = json.loads((tmp_path / "RainFell.v1.avsc").read_text(encoding="utf-8"))
    assert written == schema_of(RainFell)


def test_a_changed_event_becomes_the_next_version(tmp_path: Path) -> None:
    number = published()["TimePassed"][-1].version + 1

    assert publish(tmp_path, {"TimePassed": TimePassed}) == [
        tmp_path / f"TimePassed.v{number}.avsc"
    ]


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    there = tmp_path / "RainFell.v1.avsc"
    there.write_text("as it was")

    with pytest.raises(AlreadyPublished, match=r"RainFell\.v1\.avsc exists"):
        publish(tmp_path, {"RainFell": RainFell})
    assert there.read_text() == "as it was"


def test_files_are_written_as_those_of_the_project_are(project_root: Path) -> None:
    for path in (project_root / "schemas" / "published").glob("*.avsc"):
        text = path.read_text(encoding="utf-8")
        assert file_text(json.loads(text)) == text
