"""Sealed nights and snapshots where records were quarantined, and decided about later."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.stage import Stage, on_stage
from tests.integration.replay_log import MIDNIGHT, publish, send_foreign

NIGHT = "2026-11-21"
EVENTS = 50
AT = "alerts[0]@0"


@pytest.fixture
def either(tmp_path: Path, database_url: str) -> Iterator[Stage]:
    """A site, on each database in turn, with a sealed night in which a record is in quarantine."""
    with on_stage(tmp_path / "site", database={"url": database_url}) as stage:
        publish(stage.cluster, (MIDNIGHT + n for n in range(EVENTS)))
        send_foreign(stage.cluster, [(0, MIDNIGHT // 1000, b"no Avro")])
        stage.done("run", "projections", "--once")
        stage.done("seal", NIGHT)
        yield stage


def test_what_waits_for_a_decision_is_no_fault_of_a_sealed_night(either: Stage) -> None:
    assert "as it was sealed" in either.done("verify", NIGHT)
    said = either.done("seal", NIGHT)
    assert said == f"{NIGHT}: sealed already as version 1; nothing has changed since\n"


def test_a_snapshot_without_a_record_that_waits_is_passed_over(either: Stage) -> None:
    result = either.evctl("rebuild", "night_summary")
    assert (result.code, result.out) == (65, "")
    assert AT in result.sentence
    assert "going on from the seal" in either.done("rebuild", "tcs_latest")


def test_a_decision_is_told_and_makes_a_new_version(either: Stage) -> None:
    either.done("quarantine", "drop", "night_summary", AT, "--why", "noise")
    said = either.done("verify", NIGHT)
    assert "night_summary: records were quarantined, retried or dropped since; seal again" in said
    assert "as it was sealed" in said
    assert either.done("seal", NIGHT).startswith(f"{NIGHT}: sealed as version 2")
    assert "1 dropped" in either.done("rebuild", "night_summary")
    assert '"agrees": true' in either.done("verify", NIGHT, "--json")
