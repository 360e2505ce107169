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
from hypothesis import given
from hypothesis import strategies as st

from schemas.avro import physical, schema_of, schema_writer
from schemas.catalogue import events, upcasters
from schemas.compatibility import faults
from schemas.declare import DECIDED, REPORTED
from schemas.language import todays
from schemas.published_files import published
from schemas.resolving import meet
from schemas.topics import TOPICS
from tests.unit.schemas.arbitrary import data_of

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
        # what is imported meanwhile makes files there that are gone again at once
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / room, tmp_path / room, ignore=ignored)
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


def test_no_consumer_is_left_to_find_its_offset() -> None:
    """An answer to that may come late, and move a consumer that was told of another place since."""
    left = re.compile(r"\bOFFSET_(END|BEGINNING|STORED)\b")

    assert [path for path in MODULES if left.search(path.read_text(encoding="utf-8"))] == []


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
    assert [str(fault) for fault in faults(todays(), cls.__name__)] == []


@EVENTS
def test_another_library_finds_the_versions_compatible_too(cls: type) -> None:
    """By Avro's own rules, with the aliases that either schema has."""
    steps = {each.version for each in upcasters() if each.event == cls.__name__}
    for reader, writer in permutations(published()[cls.__name__], 2):
        if writer.version in steps and writer.version < reader.version:
            continue  # read by an upcaster
        met = meet(physical(reader.schema), physical(writer.schema)).schema
        checker: Any = ReaderWriterCompatibilityChecker  # its methods are not annotated
        found = checker().get_compatibility(
            parse(json.dumps(met)), parse(json.dumps(physical(writer.schema)))
        )
        assert found.compatibility is SchemaCompatibilityType.compatible, found.messages


@given(st.data())
def test_an_upcaster_makes_an_event_of_whatever_its_version_allows(data: st.DataObject) -> None:
    for step in upcasters():
        (old,) = [each for each in published()[step.event] if each.version == step.version]
        fields = data.draw(data_of(old.schema))
        written = schema_writer(old.schema)(fields)
        cls = events()[step.event]
        assert isinstance(todays().reader(old.schema, cls)(written, 0), cls)
