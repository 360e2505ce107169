"""The deployment files, as far as they can be checked without a container engine."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.settings import load
from projections import views
from schemas.nights import Nights
from schemas.topics import TOPICS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "infra" / "deploy"
EVCTL = Path(sys.executable).with_name("evctl")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
OURS = {name: s for name, s in COMPOSE["services"].items() if s["image"] == "evctl"}
UNITS = sorted(DEPLOY.glob("*.service"))
INSTANCES = {"evctl@.service": ("projections",), "evctl-bridge@.service": ("in", "out")}
"""What the template units may be enabled for."""


def run(*words: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)


def instructions() -> list[tuple[str, str]]:
    """Return the Containerfile's instructions, each with its arguments on one line."""
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(words[0], words[1]) for words in (line.split(maxsplit=1) for line in lines)]


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every evctl command line in the files, each with the place it stands in."""
    for name, service in OURS.items():
        yield f"compose.yaml, {name}", service["command"]
    for keyword, text in instructions():
        if keyword == "HEALTHCHECK":
            yield "Containerfile", json.loads(text[text.index("[") :])[1:]
    for unit in UNITS:
        for line in re.findall(r"^Exec\w+=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE):
            for instance in INSTANCES.get(unit.name, ("",)):
                yield unit.name, shlex.split(line.replace("%i", instance))[1:]
    for file in ("README.md", "compose.yaml"):
        text = (DEPLOY / file).read_text(encoding="utf-8")
        for line in re.findall(r"(?:/bin/evctl|--rm evctl) (\w[^`\n]*)", text):
            yield file, shlex.split(line, comments=True)


@pytest.mark.parametrize(("place", "words"), [*commands()], ids=str)
def test_every_command_exists_with_its_options(place: str, words: list[str]) -> None:
    found = run(EVCTL, *words, "--help")

    assert found.returncode == 0, found.stderr
    assert words[0] in found.stdout


def test_compose_holds_to_the_schema_of_compose_files() -> None:
    found = run(
        *(sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"),
        DEPLOY / "compose.yaml",
    )

    assert found.returncode == 0, found.stdout


def test_a_service_can_have_more_than_one_instance() -> None:
    for service in OURS.values():
        assert not {"container_name", "ports"} & set(service)


def test_every_table_is_filled_by_one_consumer_group() -> None:
    runs = [service["command"] for service in OURS.values() if service["command"][0] == "run"]

    assert {command[1] for command in runs} == {"projections"}
    assert sorted(name for command in runs for name in command[2:]) == sorted(views(Nights()))


def test_services_wait_for_services_that_can_say_they_are_healthy() -> None:
    for service in OURS.values():
        for name, condition in service["depends_on"].items():
            assert condition == {"condition": "service_healthy"}
            assert "healthcheck" in COMPOSE["services"][name]


def test_paths_and_volumes_of_compose_are_there() -> None:
    for service in OURS.values():
        build = service["build"]
        assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()
    for service in COMPOSE["services"].values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (DEPLOY / source).is_file()


def test_the_site_of_compose_is_one_that_evctl_takes() -> None:
    settings = load(site_file=DEPLOY / "evctl-site.yaml", environ={}).settings
    host, port = settings.log.bootstrap_servers.split(":")
    kafka = COMPOSE["services"][host]["environment"]
    tables = COMPOSE["services"]["mariadb"]["environment"]

    assert f"PLAINTEXT://{host}:{port}" in kafka["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert settings.database.url == (
        f"mysql+pymysql://{tables['MARIADB_USER']}@mariadb/{tables['MARIADB_DATABASE']}"
    )
    assert settings.database.password is not None
    for service in OURS.values():
        given = service["environment"]
        assert given[settings.database.password.env] == tables["MARIADB_PASSWORD"]
        assert f"{given['EVCTL_CONFIG_DIR']}/evctl-site.yaml:ro" in service["volumes"][0]


def test_kafka_makes_no_topic_by_itself() -> None:
    assert COMPOSE["services"]["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert {topic.retention_ms for topic in TOPICS} == {-1}


def test_the_image_has_the_whole_program_and_does_not_run_as_root() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    rooms = set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    steps = instructions()
    copied = {
        source
        for keyword, text in steps
        if keyword == "COPY" and not text.startswith("--from")
        for source in text.split()[:-1]
    }

    assert rooms | {"pyproject.toml", "README.md", "LICENSE"} == copied
    assert all((ROOT / source).exists() for source in copied)
    assert [text for keyword, text in steps if keyword == "USER"] == ["evctl"]
    assert ("ENTRYPOINT", '["evctl"]') in steps
    for version in re.findall(r"python:3\.(\d+)-slim", str(steps)):
        assert f"Programming Language :: Python :: 3.{version}" in project["project"]["classifiers"]


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd: no systemd-analyze here"
)
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_takes_the_unit(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    assert "/opt/evctl/bin/evctl" in text
    tried = tmp_path / unit.name.replace("@.", f"@{INSTANCES.get(unit.name, ('',))[0]}.")
    tried.write_text(text.replace("/opt/evctl/bin/evctl", str(EVCTL)), encoding="utf-8")

    found = run("systemd-analyze", "verify", "--man=no", tried)

    assert (found.returncode, found.stderr) == (0, "")


def test_the_image_builds_and_runs() -> None:
    engine = next((name for name in ("docker", "podman") if engine_answers(name)), None)
    if engine is None:
        pytest.skip("needs container-engine: neither docker nor podman answers")

    built = run(engine, "build", "--quiet", "--file", DEPLOY / "Containerfile", ".")

    assert built.returncode == 0, built.stderr
    image = built.stdout.split()[-1]
    assert run(engine, "run", "--rm", image, "--version").stdout.startswith("evctl ")


def engine_answers(name: str) -> bool:
    return shutil.which(name) is not None and run(name, "info").returncode == 0
