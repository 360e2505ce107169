"""A night with an external schema registry: published, followed, replayed, projected, verified."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.apicurio import Apicurio
from infra.log import topics
from infra.log.registry import Registry
from schemas.events.ticks import TimePassed
from schemas.framing import schema_id_of
from schemas.topics import OBSERVATORY, SCHEMAS
from tests.e2e.stage import Stage, on_stage
from tests.integration.replay_log import MIDNIGHT, publish, read


@pytest.fixture
def site(tmp_path: Path, apicurio: Apicurio) -> Iterator[Stage]:
    """A site whose schemas are in the registry."""
    with on_stage(tmp_path, log={"schema_registry": apicurio.url}) as stage:
        yield stage


@pytest.mark.slow
def test_the_registry_s_ids_are_used_everywhere_and_the_log_keeps_no_schemas(site: Stage) -> None:
    publish(site.cluster, [MIDNIGHT + second * 1_000_000 for second in range(5)])
    site.done("publish", "observatory", "--event", "TimePassed", "time=2026-11-21T00:00:09Z")

    number = Registry(site.cluster).register_event(TimePassed)
    ids = [schema_id_of(message.value()) for message in read(site.cluster, OBSERVATORY)]
    assert ids[-1] == number
    assert max(ids) < 1000, "small numbers, as the registry hands them out"
    shown = [json.loads(line) for line in site.done("tail", "observatory", "--json").splitlines()]
    assert [record["event"] for record in shown] == [*["TcsEvent"] * 5, "TimePassed"]
    site.done("run", "projections", "--once")
    assert "DIFFERENT" not in site.done("verify", "all")
    site.done("replay", "--night", "2026-11-21", "--speed", "max", "--id", "again")
    replayed = site.done("tail", "observatory", "--json", "--namespace", "replay.again")
    assert [json.loads(line)["event"] for line in replayed.splitlines()][:5] == ["TcsEvent"] * 5
    site.done("export", "2026-11-21", "--to", site.folder / "night.jsonl")
    assert SCHEMAS.name not in topics.existing(site.cluster)


def test_what_the_registry_keeps_is_listed_shown_and_checked(site: Stage) -> None:
    number = Registry(site.cluster).register_event(TimePassed)

    listed = site.done("schema", "list").splitlines()
    assert f"{number:>10}        2  published, in the registry  evctl.TimePassed" in listed
    assert json.loads(site.done("schema", "show", number))["name"] == "TimePassed"
    assert f"published files and {site.settings.log.schema_registry}" in site.done(
        "schema", "check"
    )
    assert "schema registry: http" in site.evctl("doctor").out


def test_a_registry_that_does_not_answer_is_told(tmp_path: Path) -> None:
    tick = ("publish", "observatory", "--event", "TimePassed", "time=2026-11-21T00:00Z")
    said = "The schema registry at http://127.0.0.1:1 does not answer"
    with on_stage(tmp_path, log={"schema_registry": "http://127.0.0.1:1"}) as site:
        ended = site.evctl(*tick)
        doctor = site.evctl("doctor")

    assert (ended.code, doctor.code) == (69, 1)
    assert said in ended.sentence
    assert f"FAIL  schema registry: {said}" in doctor.out
