"""Formats on the disk: marked where there is no mark, refused where they are a later evctl's."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from infra.broker import control
from infra.database import connect
from tests.e2e.stage import Stage, on_stage
from tests.integration.replay_log import MIDNIGHT, publish


@pytest.fixture
def either(tmp_path: Path, database_url: str) -> Iterator[Stage]:
    """A site with an event, on each database in turn."""
    with on_stage(tmp_path / "site", database={"url": database_url}) as stage:
        publish(stage.cluster, [MIDNIGHT])
        stage.done("run", "projections", "--once")
        yield stage


def ask(stage: Stage, statement: str) -> None:
    database = connect(stage.settings.database.url)
    with database.writing() as connection:
        connection.execute(text(statement))
    database.close()


def test_there_is_nothing_to_do_for_what_this_release_has_made(either: Stage) -> None:
    log, database = either.done("upgrade").splitlines()
    assert log == f"log {either.settings.log.data_dir}: format 1, nothing to do"
    assert database.startswith("database ")
    assert database.endswith(": format 1, nothing to do")


def test_a_database_without_a_mark_gets_one(either: Stage) -> None:
    ask(either, "DROP TABLE evctl_format")
    before = either.digests()
    assert either.done("upgrade").endswith(": had no mark, and is format 1 now\n")
    assert either.done("upgrade").endswith(": format 1, nothing to do\n")
    assert either.digests() == before


COMMANDS = (
    ("upgrade",),
    ("run", "projections", "--once"),
    ("rebuild", "tcs_latest"),
    ("verify", "all"),
    ("seal", "2026-11-21"),
    ("replay", "--all", "--speed", "max"),
)


def test_a_newer_database_is_refused_by_name(either: Stage) -> None:
    ask(either, "UPDATE evctl_format SET version = 7")
    for words in COMMANDS:
        result = either.evctl(*words)
        assert result.code == 78, (words, result)
        assert "has tables of format 7, and this evctl knows up to 1" in result.sentence


def test_a_newer_log_is_refused_by_name(tmp_path: Path) -> None:
    with on_stage(tmp_path / "site") as stage:
        data_dir = stage.settings.log.data_dir
        control.stop(data_dir)
        properties = data_dir / "meta.properties"
        newer = properties.read_text().replace("format.version=1", "format.version=7")
        properties.write_text(newer)
        for words in (("upgrade",), ("verify", "all"), ("tail", "observatory")):
            result = stage.evctl(*words)
            assert result.code != 0
            assert "has format version 7, this program knows up to 1" in result.err
