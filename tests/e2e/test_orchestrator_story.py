"""The orchestrator as people deal with it: asked, allowed, told otherwise, ended and killed."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest

from infra.clock import utc_micros
from infra.log import topics
from infra.log.registry import Registry
from infra.log.writing import Publisher
from schemas.events.orchestrator import (
    ALLOWANCE,
    AllowanceChanged,
    OptionChanged,
    OrchestratorAnswered,
    OrchestratorAsked,
    OrchestratorStarted,
    OrchestratorStopped,
    ShotWithheld,
    StateChanged,
)
from schemas.events.services import ServiceTookOver
from schemas.events.ticks import TimePassed
from schemas.record import AnyRecord
from schemas.topics import OBSERVATORY
from tests.e2e.stage import Stage, on_stage
from tests.integration.serving.silent_telescope import observatory, of_class
from tests.waiting import WAIT_S, until

SHOTS = Path("examples/shots.dat")
PATIENT = ("-n", "60")
"""Asks so often, a second apart."""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with on_stage(tmp_path) as stage:
        topics.ensure(stage.cluster, [OBSERVATORY])
        yield stage


@contextmanager
def running(stage: Stage, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Run the orchestrator until it has begun; end it in the end, if it still runs."""
    began = len(of_class(said(stage), OrchestratorStarted, ServiceTookOver))
    process = stage.start("run", "orchestrator", "--instance", "one", *words)
    try:
        wanted = began + (1 if "--listen" in words else 2)
        until(
            lambda: len(of_class(said(stage), OrchestratorStarted, ServiceTookOver)) >= wanted,
        )
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=WAIT_S)


def said(stage: Stage) -> list[AnyRecord]:
    return observatory(stage.cluster)


def tick(stage: Stage) -> None:
    log = Publisher(stage.cluster, Registry(stage.cluster), OBSERVATORY, "clock", linger_ms=0)
    now = utc_micros()
    log.publish(TimePassed(now), seq=now)
    log.flush()


def test_it_is_asked_answers_and_only_then_is_told(stage: Stage, project_root: Path) -> None:
    stage.done("shot", "load", project_root / SHOTS)
    with running(stage):
        assert "may be run" in stage.done("allow", "start", "--who", "ra", *PATIENT)
        sent = ("orchestrator", "sun_below", "-15", "--who", "ra")
        stage.done("config", "send", *sent, *PATIENT)
        assert "Before: " in stage.done("allow", "stop", "-n", "30", "-I", "2")
        until(lambda: last_withheld(stage).settings["sun_below"] == "-15.0")

        for words, code, sentence in (
            (("log", "data_dir", "/x"), 65, "is static"),
            (("site", "night_boundary_hour", "3"), 65, "is locked"),
            (("orchestrator", "seeing_limit", "-1"), 78, "allowed: a number above 0"),
            (("orchestrator", "seeing_limt", "1"), 2, "did you mean orchestrator.seeing_limit?"),
        ):
            ended = stage.evctl("config", "send", *words)
            assert (ended.code, sentence in ended.sentence) == (code, True), ended

        why = stage.done("why", "2099-01-01")
        assert "NOT KEPT  metrology: it is unknown" in why
        assert why.rstrip().endswith("Judged once more from the record: the same.")
        found = orjson.loads(stage.done("why", "2099-01-01", "--json"))
        assert found["settings"]["sun_below"] == "-15.0"
        assert found["differences"] == []
    changes = of_class(said(stage), AllowanceChanged, OptionChanged)
    assert [getattr(one.event, "allowed", None) for one in changes] == [True, None, False]
    assert [one.event.who for one in changes[:2]] == ["ra", "ra"]
    answers = of_class(said(stage), OrchestratorAnswered)
    assert len({answer.event.token for answer in answers}) == 3
    ended = stage.evctl("why", "FIELD01")
    assert (ended.code, "no decision about FIELD01" in ended.sentence) == (66, True)


def test_what_nobody_confirmed_is_never_carried_out(stage: Stage) -> None:
    ended = stage.evctl("allow", "start", "-n", "2", "-I", "0.2")
    assert ended.code == 69
    assert "nothing is changed, now or later" in ended.sentence
    asked = of_class(said(stage), OrchestratorAsked)
    assert [record.event.about for record in asked] == [ALLOWANCE] * 2
    with running(stage):
        tick(stage)
        stage.done("allow", "stop", *PATIENT)
        assert not any(one.event.allowed for one in of_class(said(stage), AllowanceChanged))
    states = of_class(said(stage), StateChanged)
    assert "allowed" not in {one.event.new for one in states}


def test_a_new_start_forgets_and_a_recovery_resumes(stage: Stage) -> None:
    with running(stage) as process:
        stage.done("allow", "start", *PATIENT)
        process.kill()
        process.wait()
    with running(stage):
        tick(stage)
        until(lambda: last_states(stage).get("hetdex_allowed") == "allowed")
    with running(stage):
        until(lambda: last_states(stage)["hetdex_allowed"] == "forbidden")
    began = [one.event.recovery for one in of_class(said(stage), OrchestratorStarted)]
    assert began == [False, True, False]
    assert len(of_class(said(stage), OrchestratorStopped)) == 2


def last_withheld(stage: Stage) -> ShotWithheld:
    event: ShotWithheld = of_class(said(stage), ShotWithheld)[-1].event
    return event


def last_states(stage: Stage) -> dict[str, str]:
    return {one.event.machine: one.event.new for one in of_class(said(stage), StateChanged)}


def test_who_listens_runs_beside_and_several_end_together(stage: Stage) -> None:
    both = stage.start("run", "clock", "orchestrator", "--listen")
    try:
        until(lambda: any(r.event.service == "listener" for r in takers(stage)))
        until(lambda: any(isinstance(r.event, TimePassed) for r in said(stage)))
        until(lambda: last_states(stage).get("hetdex_allowed") == "allowed")
    finally:
        both.terminate()
        _, err = both.communicate(timeout=WAIT_S)
    assert both.returncode == 143, err
    assert stage.evctl("allow", "start", "-n", "1", "-I", "0.1").code == 69
    stage.done("run", "silence", "orchestrator", "--listen", "--once")  # each to its own end
    for words in (("silence", "--listen"), ("clock", "no_such"), ("clock", "projections")):
        assert stage.evctl("run", *words).code == 2


def takers(stage: Stage) -> list[AnyRecord]:
    return of_class(said(stage), ServiceTookOver)
