"""`evctl simulate` as people run it, with the orchestrator that is run live."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner, Result

from infra.cli import app
from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.serving import roles
from infra.simulating.images import MARK
from producers import shot_file
from schemas.events.orchestrator import OrchestratorStarted, ShotChosen
from schemas.events.shots import ExposureFinished, ShotFinished
from schemas.record import AnyRecord
from schemas.topics import OBSERVATORY
from tests.e2e.stage import Stage, ended, on_stage
from tests.integration.serving.silent_telescope import observatory, of_class
from tests.integration.simulating.kept_rules import broken
from tests.waiting import until

NIGHT = "2019-03-07"
IMAGE = r"20190307/virus/virus\d{7}/exp0[123]/virus/20190307T\d{6}\.\d_053[LR][LU]_sci\.fits"
QUICK = {"exposure_time": 20, "setup_time": 240}
"""Settings of the orchestrator with which shots are over soon."""


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A site with a list of shots, of which some are up at dusk."""
    shots = tmp_path / "shots.txt"
    lines = [
        f"DEX{n:02d} {6 + n / 4} {20 + n} 2 1 1 -1 0 HET DEX{n:02d} 000 0 0 2000 0.0 0.0 2000"
        for n in range(40)
    ]
    shots.write_text("\n".join(lines), encoding="utf-8")
    with on_stage(tmp_path, orchestrator=QUICK) as stage:
        yield stage


def words(identity: str, *more: str) -> Sequence[str]:
    night = ("--hours", "0.4", "--shots", "shots.txt", "--fault", "setup:0.3", "--seed", "3")
    beside = ("--id", identity, "--with-orchestrator", "--fits", f"fits/{identity}", "--json")
    return ("simulate", NIGHT, *night, *beside, *more)


def images(stage: Stage, identity: str) -> dict[str, bytes]:
    """Return the files of a simulation by their paths."""
    folder = stage.folder / "fits" / identity
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != MARK)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def log_of(stage: Stage, identity: str) -> Cluster:
    return stage.cluster.in_namespace(f"sim.{identity}.")


def decisions(stage: Stage, identity: str) -> list[Any]:
    """Return what was chosen and what came of it, but for where on the log its causes stand."""
    found = of_class(observatory(log_of(stage, identity)), ShotChosen, ShotFinished)
    events = [
        replace(r.event, causes={}) if isinstance(r.event, ShotChosen) else r.event for r in found
    ]
    return [(record.id, event) for record, event in zip(found, events, strict=True)]


def length(stage: Stage, identity: str) -> int:
    cluster = log_of(stage, identity)
    place = (OBSERVATORY.full_name(cluster.namespace), 0)
    return reading.whole(cluster, [place])[place][1] if place[0] in topics.existing(cluster) else 0


def going_on(stage: Stage, identity: str, speed: str, records: int) -> subprocess.Popen[str]:
    """Start a simulation, or go on with it; return it when it has said so many records more."""
    before = length(stage, identity)
    telescope = stage.start(*words(identity, "--speed", speed))
    until(lambda: length(stage, identity) > before + records)
    return telescope


def orchestrators(stage: Stage) -> list[psutil.Process]:
    return stage.processes("orchestrator")


def test_kills_of_telescope_and_orchestrator_change_no_decision(stage: Stage) -> None:
    whole = json.loads(stage.done(*words("whole")))
    assert (whole["complete"], whole["loop"]) == (True, "closed")
    assert whole["shots_finished"] >= 2
    assert whole["shots_begun"] == whole["shots_chosen"]
    exposed = of_class(observatory(log_of(stage, "whole")), ExposureFinished)
    assert whole["open_shutter"] == 20 * len(exposed)
    chosen = [r.event for r in of_class(observatory(log_of(stage, "whole")), ShotChosen)]
    shots = {shot.shotid: shot for shot in shot_file.read(stage.folder / "shots.txt")}
    assert broken(chosen, shots, roles.given(stage.settings, "orchestrator")) == []
    assert orchestrators(stage) == []

    killed(going_on(stage, "broken", "100", records=1000))
    (orphan,) = orchestrators(stage)
    # Slow, since the night must not be over before its new orchestrator has been there.
    telescope = going_on(stage, "broken", "5", records=50)
    until(lambda: orphan not in orchestrators(stage))  # another instance has its place now
    until(lambda: len(of(log_of(stage, "broken"), OrchestratorStarted)) == 2)
    for one in orchestrators(stage):
        one.kill()
    lost = ended(telescope)
    assert lost.code == 70
    assert "The orchestrator beside the simulation ended with code -9" in lost.sentence
    resumed = json.loads(stage.done(*words("broken")))

    assert decisions(stage, "broken") == decisions(stage, "whole")
    there = images(stage, "whole")
    assert images(stage, "broken") == there
    assert len(there) == 4 * len(exposed)
    assert all(re.fullmatch(IMAGE, name) for name in there)
    other = evctl(stage, "simulate", NIGHT, "--fits", str(stage.folder / "fits" / "whole"))
    assert (other.exit_code, "another simulation (sim.whole " in other.stderr) == (73, True)
    same = ("events", "shots_chosen", "shots_finished", "shots_failed", "open_shutter", "end")
    assert {name: resumed[name] for name in same} == {name: whole[name] for name in same}
    begun = of_class(observatory(log_of(stage, "broken")), OrchestratorStarted)
    assert [record.event.recovery for record in begun] == [False, True, True]


def test_a_replay_in_a_closed_loop_chooses_the_same_shots_again(stage: Stage) -> None:
    night = ("--hours", "0.25", "--shots", "shots.txt", "--seed", "0", "--id", "then")
    stage.done("simulate", NIGHT, *night, "--with-orchestrator")
    there = ("--namespace", "sim.then.replay.anew", "run", "orchestrator")
    orchestrator = stage.start(*there)
    again = ("replay", "--all", "--services", "--closed-loop", "--id", "anew", "--speed", "max")
    # what is decided about the stand-in's reports has other ids, if it is all there to be compared
    more = ("--patience", "0", "--allow-differences", "--json")
    said = stage.done("--namespace", "sim.then", *again, *more)
    assert json.loads(said)["decisions"]["loop"] == "closed", said
    orchestrator.send_signal(signal.SIGTERM)
    assert ended(orchestrator).code == 143

    then, anew = log_of(stage, "then"), log_of(stage, "then.replay.anew")
    for kind in (ShotChosen, ShotFinished):
        recorded, new = ([(r.time, shot_of(r)) for r in of(log, kind)] for log in (then, anew))
        assert len(recorded) > 0
        assert new == recorded
    assert {r.provenance.source for r in of(anew, ShotFinished)} == {"stand-in/anew"}
    assert {r.provenance.replay for r in observatory(anew)} == {"anew"}


def of(cluster: Cluster, kind: type) -> Sequence[AnyRecord]:
    return of_class(observatory(cluster), kind)


def shot_of(record: AnyRecord) -> str:
    event = record.event
    shot: str = event.shotid if isinstance(event, ShotChosen) else event.order.shotid
    return shot


def killed(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate(timeout=60)


def evctl(stage: Stage, *words: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, ("--site-file", str(stage.site_file), *words))


def test_a_simulation_without_an_orchestrator_says_how_to_start_one(stage: Stage) -> None:
    telescope = stage.start("simulate", NIGHT, "--hours", "0.01", "--timeout", "0.1")
    assert telescope.stderr is not None
    said = telescope.stderr.readline()
    assert "`evctl --namespace sim.2019-03-07 run orchestrator` starts it." in said
    telescope.send_signal(signal.SIGTERM)
    assert ended(telescope).code == 143
    stage.done("simulate", NIGHT, "--hours", "0.02", "--open-loop", "--id", "open")
    now = evctl(stage, "--namespace", "sim.open", "time").stdout
    assert "clock           simulation, in the namespace sim.open" in now
    assert "UTC             2019-03-07T02:19:2" in now


REFUSED = [
    (["simulate", "yesterday"], 2, "'yesterday' is not a night"),
    (["simulate", NIGHT, "--id", "a.b"], 2, "'a.b' can't name a simulation"),
    (["simulate", NIGHT, "--fault", "rain:1"], 2, "'rain:1' is no fault"),
    (["simulate", NIGHT, "--speed", "0"], 2, "The speed is 0"),
    (["simulate", NIGHT, "--hours", "0"], 2, "greater than or equal to 0.01"),
    (["simulate", NIGHT, "--fits", __file__], 73, "No FITS files can be written below"),
    (["simulate", NIGHT, "--shots", "none.txt"], 66, "none.txt can't be read"),
    (["simulate", NIGHT, "--open-loop", "--with-orchestrator"], 2, "leave one of them out"),
    (["simulate", NIGHT, "--open-loop", "--fits", "x"], 2, "leave out --fits"),
    (["--namespace", "replay.x", "simulate", NIGHT], 2, "has a namespace of its own"),
    (["--namespace", "mock.x", "simulate", NIGHT], 2, "has a namespace of its own"),
    (["--namespace", "sim.x", "simulate", NIGHT], 2, "has a namespace of its own"),
    (["--namespace", "sim.x", "run", "notices"], 78, "The worker notices touches the world"),
    (["--namespace", "sim.x", "run", "clock"], 2, "what the simulated telescope says"),
    (["--namespace", "sim.x", "time"], 66, "no telescope was simulated there"),
    (
        ["--namespace", "sim.x", "bridge", "in", "tcp://127.0.0.1:9"],
        2,
        "the real telescope is no part of it",
    ),
]
"""Words, the exit code, and a part of the sentence."""


def test_what_a_simulation_can_not_be_is_said_in_a_sentence(stage: Stage) -> None:
    for given, code, sentence in REFUSED:
        done = evctl(stage, *given)
        assert (done.exit_code, sentence in " ".join(done.stderr.split())) == (code, True), done
