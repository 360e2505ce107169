"""The shipped master file says of every option exactly what the model says."""

import re
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from pydantic_core import PydanticUndefined

from infra.settings import Settings, load
from infra.settings.option import Path as OptionPath
from infra.settings.option import dotted, options

MASTER = files("infra.settings").joinpath("master.yaml").read_text(encoding="utf-8")
KNOWN = options(Settings)
FACTS = re.compile(
    r"  # (mandatory|optional); default: (.+); unit: (.+); (modifiable|static|locked)"
)
OPTION = re.compile(r"  (?:(\w+):(?: (.+))?|# (\w+): .+)")
"""An option, or one that is commented out, with an example."""


class Documented(NamedTuple):
    explained: bool
    value: str | None
    necessity: str
    default: str
    unit: str
    kind: str


def documented() -> dict[OptionPath, Documented]:
    """Return what the comment directly above each option says, and the value beside it."""
    found: dict[OptionPath, Documented] = {}
    section = ""
    lines = MASTER.splitlines()
    for number, line in enumerate(lines):
        if re.fullmatch(r"\w+:", line):
            section = line[:-1]
        elif match := OPTION.fullmatch(line):
            facts = FACTS.fullmatch(lines[number - 1])
            assert facts, f"master.yaml:{number}: no facts above {line.strip()}"
            explained = lines[number - 2].startswith("  # ")
            name = match[1] or match[3]
            found[section, name] = Documented(explained, match[2], *facts.groups())
    return found


def test_every_option_is_listed_once_in_the_order_of_the_model() -> None:
    assert list(documented()) == list(KNOWN)


@pytest.mark.parametrize("path", KNOWN, ids=dotted)
def test_kind_and_unit_are_those_of_the_model(path: OptionPath) -> None:
    said, (mark, field) = documented()[path], KNOWN[path]
    assert said.explained
    assert said.kind == mark.kind
    assert said.unit == (mark.unit or "none")
    assert said.necessity == ("mandatory" if field.is_required() else "optional")


@pytest.mark.parametrize("path", KNOWN, ids=dotted)
def test_the_value_beside_an_option_is_the_documented_default(path: OptionPath) -> None:
    said, (_, field) = documented()[path], KNOWN[path]
    value: Any = yaml.safe_load(said.value or "")
    if value is None:
        computed = field.default is PydanticUndefined or field.default == ""
        assert (said.default == "none") is not computed
    else:
        assert said.default == said.value


def test_a_copy_of_the_master_file_changes_nothing(tmp_path: Path) -> None:
    copy = tmp_path / "evctl-site.yaml"
    copy.write_text(MASTER, encoding="utf-8")
    assert load(copy, environ={}, cwd=tmp_path).settings == load(environ={}, cwd=tmp_path).settings


def test_the_reference_page_lists_every_option_with_its_kind(
    project_root: Path,
) -> None:
    page = project_root / "docs" / "reference" / "settings.md"
    rows = dict(
        re.findall(r"^\| `([\w.]+)` \|.*\| (\w+) \|$", page.read_text("utf-8"), re.MULTILINE)
    )
    assert rows == {dotted(path): mark.kind for path, (mark, _) in KNOWN.items()}
