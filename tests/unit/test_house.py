"""Laws of the house: what holds in every folder, whoever adds to it."""

import ast
import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from astropy.units import Unit as AstropyUnit
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse

from schemas.avro import Schema, schema_of
from schemas.catalogue import events
from schemas.declare import DECIDED, REPORTED
from schemas.published_files import published
from schemas.topics import TOPICS

ROOT = Path(__file__).parents[2]
ROOMS = ("schemas", "producers", "consumers", "projections", "infra")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
LINES_AT_MOST = 400
NO_SUBJECT = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}

EVENTS = pytest.mark.parametrize("cls", events().values(), ids=list(events()))


# The folders


def test_imports_point_inwards() -> None:
    found = lint_imports(ROOT)

    assert found.returncode == 0, found.stdout


LEAKS = {
    "schemas/leak.py": "import infra.clock",
    "schemas/leak_2.py": "import time",
    "projections/leak.py": "import pathlib",
    "projections/leak_2.py": "import producers",
    "producers/leak.py": "import consumers",
    "consumers/leak.py": "import socket",
}


def test_an_import_that_points_outwards_is_found(tmp_path: Path) -> None:
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name, leak in LEAKS.items():
        (tmp_path / name).write_text(f"{leak}\n")

    found = lint_imports(tmp_path)

    leaking = [name.removesuffix(".py").replace("/", ".") for name in LEAKS]
    assert found.returncode == 1
    assert [name for name in leaking if f"{name} -> " not in found.stdout] == []


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )


def test_every_room_is_installed_and_checked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    installed = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(ROOMS) == set(installed) == set(project["tool"]["importlinter"]["root_packages"])
    assert set(ROOMS) | {"tests", "benchmarks"} <= set(project["tool"]["mypy"]["files"])


# The modules


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_has_one_subject_and_says_which(module: Path) -> None:
    text = module.read_text(encoding="utf-8")

    assert module.stem not in NO_SUBJECT
    assert len(text.splitlines()) <= LINES_AT_MOST
    assert ast.get_docstring(ast.parse(text)), "a module begins with what it is for"


def texts() -> Iterator[tuple[Path, str]]:
    """Every text of the project: what git tracks, or would."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "-c", "-o", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path.is_file() and b"\0" not in path.read_bytes():
            yield path, path.read_text(encoding="utf-8")


def test_no_text_knows_the_machine_it_was_written_on() -> None:
    place = re.compile(r"(?<![\w.~-])/(work|root|Users)/\w")

    assert [path for path, text in texts() if place.search(text)] == []


def test_nothing_is_put_off() -> None:
    put_off = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X{3})\b")

    assert [path for path, text in texts() if put_off.search(text)] == []


# The events


@EVENTS
def test_an_event_says_what_happened_when_and_who_says_so(cls: type) -> None:
    first = schema_of(cls)["fields"][0]

    assert (cls.__doc__ or "").rstrip().endswith(".")
    assert not (cls.__doc__ or "").startswith(f"{cls.__name__}(")  # a dataclass writes that one
    assert first["type"] == {"type": "long", "logicalType": "timestamp-micros"}
    assert cls.__dict__["ORIGIN"] in {REPORTED, DECIDED}


@EVENTS
def test_units_are_ones_that_astropy_knows(cls: type) -> None:
    for field in schema_of(cls)["fields"]:
        if "unit" in field:
            AstropyUnit(field["unit"])


def test_topics_carry_declared_events_and_every_event_has_one_topic() -> None:
    carried = [event for topic in TOPICS for event in topic.events]

    assert sorted(carried) == sorted(events())


# The published schemas


def test_every_event_is_published_and_no_published_event_is_gone() -> None:
    assert set(published()) == set(events())


@EVENTS
def test_the_newest_published_version_is_todays_class(cls: type) -> None:
    versions = published()[cls.__name__]

    assert [version.version for version in versions] == list(range(1, len(versions) + 1))
    assert versions[-1].schema == schema_of(cls)


@EVENTS
def test_every_version_reads_every_other(cls: type) -> None:
    versions = published()[cls.__name__]

    assert [
        fault
        for one, other in permutations(versions, 2)
        for fault in incompatibilities(one.schema, other.schema)
    ] == []


def incompatibilities(reader: Schema, writer: Schema) -> list[str]:
    """Why data of one schema can't be read with another, or would mean something else."""
    checker: Any = ReaderWriterCompatibilityChecker  # its methods are not annotated
    found = checker().get_compatibility(parse(json.dumps(reader)), parse(json.dumps(writer)))
    faults = sorted(found.messages)
    if found.compatibility is not SchemaCompatibilityType.compatible and not faults:
        faults.append("a type differs")
    written = {field["name"]: field for field in writer["fields"]}
    for field in reader["fields"]:
        other = written.get(field["name"], field)
        if meaning(field) != meaning(other):
            faults.append(f"{field['name']}: {meaning(other)} became {meaning(field)}")
    return faults


def meaning(field: dict[str, Any]) -> tuple[Any, Any]:
    """What Avro's rules of resolution don't look at: a field's unit and its logical type."""
    kind = field["type"]
    return field.get("unit"), kind.get("logicalType") if isinstance(kind, dict) else None


LONG = {"name": "n", "type": "long"}
TIME = {"name": "t", "type": {"type": "long", "logicalType": "timestamp-micros"}, "unit": "us"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ([LONG, TIME, {"name": "more", "type": "long"}], "more"),
        ([TIME], "n"),
        ([{**LONG, "name": "m"}, TIME], "m"),
        ([{**LONG, "type": "string"}, TIME], "a type differs|reader type"),
        ([{**LONG, "type": ["null", "long"]}, TIME], "a type differs|reader type"),
        ([{**LONG, "unit": "m"}, TIME], "n: "),
        ([LONG, {**TIME, "unit": "ms"}], "t: "),
        ([LONG, {**TIME, "type": "long"}], "t: "),
    ],
)
def test_an_incompatible_version_is_found(change: list[Any], told: str) -> None:
    old, new = record([LONG, TIME]), record(change)

    assert re.search(told, " ".join(incompatibilities(old, new) + incompatibilities(new, old)))


def test_a_field_with_a_default_may_come_and_go() -> None:
    optional = {"name": "note", "type": ["null", "string"], "default": None}
    old, new = record([LONG, TIME]), record([LONG, TIME, optional])

    assert incompatibilities(old, new) == incompatibilities(new, old) == []


def record(members: list[Any]) -> Schema:
    return {"type": "record", "name": "Seen", "namespace": "evctl", "fields": members}
