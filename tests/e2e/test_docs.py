"""What the pages say is what happens: every command line of them is run, every name looked up.

A fenced `sh` block is run line by line, in the order of its page, in a copy of the project with
data directories of its own. A line has to end with 0, or with the code that its comment `# exits N`
names; a `text` block after it has to be in what it printed, where `…` stands for anything.
"""

import importlib
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from typer.testing import CliRunner

import consumers
import infra
import producers
import projections
import schemas
from infra.cli import app
from infra.setup.commands_page import EXIT_CODES, page
from schemas.avro import schema_id
from schemas.errors import EvctlError
from schemas.published_files import published

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EVERY_TEXT = [*PAGES, ROOT / "infra" / "deploy" / "README.md"]
COPIED = ("schemas", "producers", "consumers", "projections", "infra", "tests", "examples")
LINE_S = 180

NOT_RUN = {
    "make demo": "it runs for half a minute; CI runs it by itself",
    "make test": "it is what runs this test",
    "make kafka-up": "it may fetch from a package index; test_kafka.py does the rest",
    "make venv": "it installs from a package index",
    ". .venv/bin/activate": "the environment of the tests is active already",
    "evctl doctor --site-file site/evctl-site.yaml": "it needs the Kafka cluster of the page",
    "evctl run projections --site-file site/evctl-site.yaml": "it needs that cluster, too",
}
"""Command lines of the pages that can't be run here, and why."""

PATIENT = ("evctl allow ", "evctl config send ")
"""Commands that wait for an answer: longer than people do, since disks stall under many tests."""


class Line(NamedTuple):
    """A command line of a page, the exit code it has to have, and what it has to print."""

    command: str
    code: int
    printed: list[str]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield language and lines of each fenced block."""
    for language, body in re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        yield language, body.splitlines()


def lines_of(path: Path) -> list[Line]:
    """Return the command lines of a page's `sh` blocks, with the `text` blocks after them."""
    found: list[Line] = []
    for language, body in blocks(path.read_text(encoding="utf-8")):
        if language == "sh":
            joined = "\n".join(body).replace("\\\n", " ").splitlines()
            found += [_line(line) for line in joined if line.strip()]
        elif language == "text" and found:
            found[-1].printed.extend(body)
    return found


def _line(line: str) -> Line:
    command, _, comment = line.partition("  #")
    code = re.match(r" exits (\d+)", comment)
    return Line(" ".join(command.split()), int(code[1]) if code else 0, [])


RUN = [path for path in PAGES if any(line.command not in NOT_RUN for line in lines_of(path))]


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A copy of the project to work in, and an environment whose `evctl` is the copy's."""
    folder = tmp_path / "evctl"
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(folder),
        "PYTEST_ADDOPTS": "-p no:cacheprovider",
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "EVCTL_BROKER__LINGER": "600",  # no log ends just when a command has found it
    }
    yield folder, environment
    for left in folder.glob("*.pid"):  # of a page that was not read to its end
        with suppress(psutil.NoSuchProcess):
            psutil.Process(int(left.read_text())).terminate()
    subprocess.run(["evctl", "broker", "stop"], cwd=folder, env=environment, check=True)
    if any((tmp_path / "data").rglob("throw-away-*")):
        subprocess.run(["evctl", "mysql", "down"], cwd=folder, env=environment, check=True)


@pytest.mark.parametrize("path", RUN, ids=name_of)
def test_every_command_line_does_what_its_page_says(
    path: Path, copy: tuple[Path, dict[str, str]]
) -> None:
    folder, environment = copy
    for line in lines_of(path):
        if line.command in NOT_RUN:
            continue
        patience = " -n 60" * line.command.startswith(PATIENT)
        done = subprocess.run(
            line.command + patience,
            shell=True,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LINE_S,
            check=False,
        )
        assert done.returncode == line.code, f"{line.command}: {done.returncode}\n{done.stdout}"
        pattern = ".*".join(re.escape(part) for part in "\n".join(line.printed).split("…"))
        assert re.search(pattern, done.stdout), f"{line.command} printed\n{done.stdout}"


def test_what_is_not_run_is_on_a_page() -> None:
    said = {line.command for path in PAGES for line in lines_of(path)}

    assert set(NOT_RUN) - said == set()


def test_the_readme_begins_with_the_two_commands_and_has_ten_lines_of_a_first_night() -> None:
    commands = [line.command for line in lines_of(ROOT / "README.md")]

    assert commands[:2] == ["make demo", "make test"]
    first_night = [c for c in commands[2:] if "simulate" not in c and " why " not in c]
    assert len(first_night) == 10


# Names


@pytest.mark.parametrize("path", EVERY_TEXT, ids=name_of)
def test_every_make_target_of_a_page_exists(path: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)

    named = re.findall(r"(?:`|^ *)make ([a-z-]+)\b", path.read_text(), re.MULTILINE)
    assert set(named) <= set(targets)


@pytest.mark.parametrize("path", EVERY_TEXT, ids=name_of)
def test_every_command_and_option_of_a_page_exists(path: Path) -> None:
    assert [said for said in invocations(path.read_text()) if not exists(said)] == []


def invocations(text: str) -> Iterator[str]:
    """Yield what stands after `evctl` in code: between backquotes, in a block, or indented."""
    code = re.findall(r"`(evctl [^`\n]+)`", text)
    code += [line for language, body in blocks(text) if language in {"", "sh"} for line in body]
    code += re.findall(r"^ {4,}(.+)$", text, re.MULTILINE)
    for line in code:
        said = re.search(r"(?:^| |/bin/)evctl ([-a-z].*)", line)
        if said:
            yield re.split(r"\||…| [>&#]|  | \\$", said[1])[0]


def exists(said: str) -> bool:
    """Whether help is shown when it is asked for behind these words."""
    return CliRunner().invoke(app, [*said.split(), "--help"]).exit_code == 0


def test_what_does_not_exist_is_found() -> None:
    shown = "Try `evctl simulate-night x` or\n\n    evctl tail observatory --form 3   # no\n"

    assert list(invocations(shown)) == ["simulate-night x", "tail observatory --form 3"]
    assert not any(map(exists, invocations(shown)))
    assert exists("--namespace a tail observatory -n 3")


@pytest.mark.parametrize("path", EVERY_TEXT, ids=name_of)
def test_every_link_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8"))

    assert [link for link in links if not (path.parent / link).exists()] == []


# What is shown twice


@pytest.mark.parametrize("path", sorted((ROOT / "docs").rglob("*.md")), ids=name_of)
def test_python_on_a_page_is_that_of_an_example(path: Path) -> None:
    examples = [file.read_text(encoding="utf-8") for file in (ROOT / "examples").glob("*.py")]

    for language, body in blocks(path.read_text(encoding="utf-8")):
        if language == "python":
            shown = "\n".join(body)
            assert any(shown in example for example in examples), shown


def test_the_commands_page_says_what_help_says() -> None:
    written = (ROOT / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")

    assert written == page(), "write it anew with `make commands`"


def test_every_exit_code_is_explained() -> None:
    for room in (schemas, producers, consumers, projections, infra):
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)

    assert {kind.exit_code for kind in descendants(EvctlError)} <= set(EXIT_CODES)


def descendants(kind: type[EvctlError]) -> Iterator[type[EvctlError]]:
    for inner in kind.__subclasses__():
        yield inner
        yield from descendants(inner)


def test_the_records_page_has_every_schema_s_id() -> None:
    text = (ROOT / "docs" / "reference" / "records.md").read_text(encoding="utf-8")

    for event, versions in published().items():
        for version in versions:
            row = f"| `{event}` | {version.version} | {schema_id(version.schema)} |"
            assert row in text
