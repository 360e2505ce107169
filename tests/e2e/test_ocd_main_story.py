"""OCD's own main test: a replayed night reaches an orchestrator with a mocked time, and shots run.

Then the same orchestrator in replays: it decides there as it did, and only stand-ins run shots.
"""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.log import topics
from infra.observation_numbers import open_numbers
from schemas.events.observation_numbers import ObservationNumberTaken
from schemas.events.orchestrator import OrchestratorStarted, StateChanged
from schemas.events.shots import ShotFinished, ShotRequested
from schemas.record import AnyRecord
from schemas.topics import OBSERVATORY
from schemas.utc import parse
from tests.database_servers import MariaDBServer
from tests.e2e.stage import Stage, ended, on_stage
from tests.integration.serving.silent_telescope import observatory, of_class
from tests.waiting import until

NIGHT = "2019-03-07"
MAIN = ("--namespace", "mock.main")
SHOTS = Path("examples/shots.dat")


@pytest.fixture
def stage(tmp_path: Path, mariadb_server: MariaDBServer) -> Iterator[Stage]:
    """A site with a fast simulated telescope and a recording of six minutes, as TCS makes them."""
    with on_stage(tmp_path, telescope={"kind": "simulated", "time_scale": 2000}) as stage:
        words = ("--hours", 0.1, "--open-loop", "--id", "sky")
        stage.done("simulate", NIGHT, *words)
        stage.done("--namespace", "sim.sky", "export", NIGHT, "--to", "night.db")
        try:
            yield stage
        finally:
            stage.done("mysql", "down")


def said(stage: Stage, namespace: str, *kinds: type) -> list[AnyRecord]:
    """Return the events of some classes in a namespace; none while it is not there."""
    cluster = stage.cluster.in_namespace(f"{namespace}.")
    there = OBSERVATORY.full_name(cluster.namespace) in topics.existing(cluster)
    return of_class(observatory(cluster), *kinds) if there else []


def states(stage: Stage, namespace: str) -> dict[str, str]:
    """Return where each machine went last."""
    return {r.event.machine: r.event.new for r in said(stage, namespace, StateChanged)}


def finished(stage: Stage, namespace: str) -> list[ShotFinished]:
    return [record.event for record in said(stage, namespace, ShotFinished)]


@contextmanager
def running(stage: Stage, *words: Any) -> Iterator[None]:
    """Run a command beside, and end it as Ctrl+C does."""
    process = stage.start(*words)
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        end = ended(process)
    assert end.code == 128 + signal.SIGINT, end


def numbers(stage: Stage) -> list[tuple[str, int, str]]:
    """Return what `vl_obsnum` has beside the entry that it was made with."""
    database = open_numbers(stage.settings)
    query = "SELECT obsdate, obsnum, inst FROM vl_obsnum ORDER BY id"
    with database.reading() as connection:
        rows = [(str(day), *more) for day, *more in connection.exec_driver_sql(query)]
    database.close()
    return rows[1:]


def fits(stage: Stage) -> list[str]:
    """Return the directories that have FITS files, below that of their day."""
    found = {path.parents[1] for path in stage.folder.rglob("*.fits")}
    return sorted("/".join(path.parts[-2:]) for path in found)


def test_a_replayed_night_makes_shots_run_and_is_decided_anew_as_it_was(
    stage: Stage, project_root: Path
) -> None:
    mysql = yaml.safe_load(stage.done("mysql", "up", "--local"))
    main = stage.also("main", **mysql, dates={"mock_time": f"{NIGHT}T02:30:00"})
    shown = (*MAIN, "run", "clock", "orchestrator", "observation_numbers", "shots")
    with ExitStack() as beside:
        beside.enter_context(running(main, *shown, "--yes", "-u", "ipc://tcs.ipc"))
        until(lambda: bool(said(main, "mock.main", OrchestratorStarted)))
        out = ("--namespace", "replay.tcs", "bridge", "out", "ipc://tcs.ipc", "--of-now")
        beside.enter_context(running(stage, *out))
        played = ("replay", "night.db", "--id", "tcs", "--speed", 10, "--loop")
        beside.enter_context(running(stage, *played))
        until(lambda: {"tcs": "speaking", "metrology": "good"}.items() <= seen(main).items())
        two = main.folder / "two.dat"  # a third one comes within reach some minutes later
        two.write_text("".join((project_root / SHOTS).read_text().splitlines(keepends=True)[:5]))
        main.done(*MAIN, "shot", "load", two)
        assert not said(main, "mock.main", ShotRequested)  # nobody has allowed any

        main.done(*MAIN, "allow", "start", "--who", "ra", "-n", 60)
        until(lambda: len(finished(main, "mock.main")) == 2)
        said_so = main.done(*MAIN, "allow", "stop", "-n", 60)
        assert said_so.startswith("Shots are not begun any more")
        until(lambda: seen(main)["hetdex_allowed"] == "forbidden")

    shots = finished(main, "mock.main")
    assert [(shot.order.obs_number, shot.error) for shot in shots] == [(1, False), (2, False)]
    taken = [record.event for record in said(main, "mock.main", ObservationNumberTaken)]
    assert numbers(main) == [(one.obsdate, one.obsnum, one.inst) for one in taken]
    assert numbers(main) == [(NIGHT, 1, "virus"), (NIGHT, 2, "virus")]
    exposures = [f"virus000000{shot}/exp0{number}" for shot in (1, 2) for number in (1, 2, 3)]
    assert fits(main) == exposures
    why = main.done(*MAIN, "why", shots[0].order.shotid)
    assert f"chose {shots[0].order.shotid}, in the east" in why
    assert f"now, mocked: {NIGHT}T02:3" in why
    assert why.endswith("Judged once more from the record: the same.\n")

    (began,) = said(main, "mock.main", OrchestratorStarted)
    anew = ("--namespace", "mock.main.replay.anew")
    words = ("--from-offset", began.position.offset, "--speed", "max", "--services")
    with running(main, *anew, "run", "orchestrator"):
        report = main.done(*MAIN, "replay", *words, "--id", "anew", "--patience", 60)
    assert " decisions, the same as recorded" in report
    for worker in ("shots", "observation_numbers"):
        refused = main.evctl(*anew, "run", worker)
        assert (refused.code, "touches the world" in refused.sentence) == (78, True)
    assert (len(numbers(main)), fits(main)) == (2, exposures)


def seen(stage: Stage) -> dict[str, str]:
    return states(stage, "mock.main")


def test_shots_of_a_replayed_night_are_run_by_stand_ins(stage: Stage, project_root: Path) -> None:
    stage.done("shot", "load", project_root / SHOTS)  # the orchestrator knows it at dusk
    stage.done("import", "night.db")
    there = ("--namespace", "replay.night")
    played = ("replay", "--night", NIGHT, "--speed", 4, "--services", "--settings", "present")
    away = f"sqlite:///{stage.folder}/thrown-away.sqlite"
    with ExitStack() as beside:
        for words in (
            (*there, "run", "orchestrator"),
            (*there, "run", "shots", "--stand-in", "simulated"),
            (*there, "run", "observation_numbers", "--stand-in", away),
            (*played, "--id", "night"),
        ):
            beside.enter_context(running(stage, *words))
        until(lambda: states(stage, "replay.night").get("metrology") == "good")
        stage.done(*there, "allow", "start", "--max-attempts", 60)
        until(lambda: bool(finished(stage, "replay.night")))

    shot = finished(stage, "replay.night")[0]
    assert not shot.error
    assert parse(f"{NIGHT}T02:18:08Z") < shot.time < parse(f"{NIGHT}T02:24:09Z")
    taken = said(stage, "replay.night", ObservationNumberTaken)[0].event
    assert (taken.obsdate, taken.obsnum) == (NIGHT, 1)
    assert {path.parts[-6] for path in stage.folder.rglob("*.fits")} == {NIGHT.replace("-", "")}
    assert [path.name for path in (stage.folder / "telescope").iterdir()] == ["replay.night"]
    assert {type(record.event).__name__ for record in observatory(stage.cluster)} == {
        "ShotListLoaded",
        "TcsEvent",
    }
    assert not list(stage.folder.glob("observation-numbers*"))
