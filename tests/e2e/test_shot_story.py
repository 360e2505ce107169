"""Shots by hand, from the command line to the files: good ones, bad ones, and two at once."""

import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from infra.clock import utc_micros
from infra.dying import VARIABLE, Point
from infra.log import topics
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.serving.hearing import Ear
from schemas.events.orchestrator import OrchestratorAnswered, OrchestratorAsked
from schemas.events.services import ServiceTookOver
from schemas.events.shots import (
    ExposureFinished,
    ExposureStarted,
    ShotAbortRequested,
    ShotByHandRequested,
    ShotExpired,
    ShotFinished,
    ShotRequested,
    ShotStarted,
    TelescopeSetupFinished,
    TelescopeSetupStarted,
)
from schemas.record import AnyRecord, Position
from schemas.topics import OBSERVATORY
from tests.e2e.stage import Stage, ended, on_stage
from tests.integration.serving.silent_telescope import observatory, of_class
from tests.unit.shots.test_worker import IN_ORDER
from tests.unit.shots.trial import order
from tests.waiting import WAIT_S, until

QUICK = {"kind": "simulated", "time_scale": 500}
LONG = {"kind": "simulated", "time_scale": 100}
"""An exposure of ten hours lasts 6 minutes: until it is aborted."""

SHOT = ("shot", "run", "HS0050", 12, 11.5, "-4:15:00", 68.4, 1, 36, 36, 36)
ENDLESS = ("shot", "run", "HS0051", 13, 11.5, -4.25, 68.4, 0, 3.6, 36_000, 3.6)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Stage]:
    """A site with a simulated telescope and, in its directory, what shuffle prepares."""
    shuffle = tmp_path / "shuffle"
    for name, content in [
        ("HETcommands/HS0050_000_W.hetcommands", "guide on\n"),
        ("a.jpg", "stars"),
    ]:
        (shuffle / name).parent.mkdir(parents=True, exist_ok=True)
        (shuffle / name).write_text(content)
    sections = {"telescope": QUICK, "run_shot": {"acam_image_template": "a.jpg"}}
    database = {"url": f"sqlite:///{tmp_path}/site.sqlite"}
    with on_stage(tmp_path, database=database, **sections) as stage:
        topics.ensure(stage.cluster, [OBSERVATORY])  # it is looked at before anybody writes
        yield stage


def of_shots(stage: Stage) -> list[AnyRecord]:
    """Return what is on the log of shots."""
    kinds = (ShotByHandRequested, ShotStarted, *IN_ORDER, ShotFinished, ShotExpired)
    return of_class(observatory(stage.cluster), *kinds, ShotAbortRequested)


def names(records: list[AnyRecord]) -> list[str]:
    """Return the events of records."""
    return [type(record.event).__name__ for record in records]


def has(stage: Stage, kind: type, times: int = 1, **fields: Any) -> bool:
    """Whether the log has so many events with these values."""
    there = of_class(observatory(stage.cluster), kind)
    found = [r for r in there if all(getattr(r.event, n) == v for n, v in fields.items())]
    return len(found) >= times


@contextmanager
def orchestrator(stage: Stage) -> Iterator[list[OrchestratorAsked]]:
    """Answer as an orchestrator does that is there; give what it was asked."""
    cluster, over, asked = stage.cluster, Event(), list[OrchestratorAsked]()
    registry = Registry(cluster)
    publisher = Publisher(cluster, registry, OBSERVATORY, "orchestrator-of-the-test")

    def answer() -> None:
        ear = Ear(cluster, registry, Position("observatory", 0, -1), (OrchestratorAsked,))
        while not over.wait(0.05):
            for record in ear.heard():
                asked.append(record.event)
                said = OrchestratorAnswered(utc_micros(), record.event.token, True, "allowed")
                publisher.publish(said)
                publisher.flush()
        ear.close()

    with ThreadPoolExecutor(1) as pool:
        answering = pool.submit(answer)
        yield asked
        over.set()
        answering.result()


def test_a_good_shot_with_every_option_of_ocd(site: Stage) -> None:
    options = (
        *("-e", "-c", "-t", 30, "-m", '{"QIFU": "000"}', "-d", "yes", "-w", "yes", "-N", 1),
        *("--shuffle-shot", "shuffle", "--acam-dest-file", "acam.jpg"),
        *("--shuffle-conf-template", "HETcommands/{shotid}_{QIFU}_{track_initial}"),
        *("--ocd-run-shot", "tcp://127.0.0.1:6601", "ipc://run_shot.ipc"),
    )
    with orchestrator(site) as asked:
        done = site.evctl(*SHOT[:4], *options, *SHOT[4:])
    assert done.code == 0, done
    assert [question.about for question in asked] == ["presence"]
    assert "--ocd-run-shot, --n-ocd-run-shot: not needed" in done.err
    assert [line[10:] for line in done.out.splitlines()] == [
        *("HS0050 begins, observation 12", "set-up begins", "set-up done"),
        *("exposure 1 of 3 begins: 36 s", "exposure 1 done: 36 s, 4 FITS files"),
        *("exposure 2 of 3 begins: 36 s", "exposure 2 done: 36 s, 4 FITS files"),
        *("exposure 3 of 3 begins: 36 s", "exposure 3 done: 36 s, 4 FITS files"),
        "HS0050 done",
    ]
    told = of_shots(site)
    kinds = [ShotByHandRequested, ShotStarted, *IN_ORDER, ShotFinished]
    assert [type(record.event) for record in told] == kinds
    asked_for = told[0].event.order
    assert all(record.event.order == asked_for for record in told)
    assert {record.event.request for record in told[1:]} == {str(told[0].id)}
    assert (asked_for.followed, asked_for.by_hand, asked_for.dec) == (True, True, -4.25)
    assert (asked_for.dither_with_probes, asked_for.wait_last_write) == (True, True)
    assert asked_for.shuffle_shot == str(site.folder / "shuffle")
    assert (site.folder / "acam.jpg").read_text() == "stars"
    found = {path.parents[1].relative_to(site.folder) for path in site.folder.rglob("*.fits")}
    (date,) = {path.parts[1] for path in found}
    assert found == {
        Path("fits", date, "virus", "virus0000012", f"exp0{number}") for number in (1, 2, 3)
    }

    # the next one, of a telescope that fails, and of one that is none
    failing = site.also("failing", telescope={**QUICK, "faults": 1})
    bad = failing.evctl(*SHOT)
    assert (bad.code, "HS0050 failed in set-up: SetupFailed: " in bad.sentence) == (1, True)
    assert names(of_shots(site))[-3:] == ["ShotStarted", "TelescopeSetupStarted", "ShotFinished"]
    before = len(observatory(site.cluster))
    alone = site.evctl(*SHOT, "-e", "-c", "-t", 0.2)
    assert (
        alone.code,
        "No orchestrator answered in the site's own namespace within 0.2 s" in alone.sentence,
    ) == (69, True)
    none = site.also("none", telescope={"kind": "none"}).evctl(*SHOT)
    assert (none.code, "set telescope.kind" in none.sentence) == (78, True)
    nothing = site.evctl("shot", "abort")
    assert (nothing.code, "nothing to abort" in nothing.sentence) == (66, True)
    replay = site.evctl("--namespace", "replay.x", *SHOT)
    assert (replay.code, "no shot is run by hand" in replay.sentence) == (2, True)
    assert len(observatory(site.cluster)) == before + 1  # the question


def test_a_worker_that_dies_in_an_exposure_is_no_reason_for_a_second_one(site: Stage) -> None:
    long = site.also("long", telescope=LONG)
    worker = long.start("run", "shots")
    until(lambda: has(site, ServiceTookOver))
    asking = long.start(*ENDLESS)
    until(lambda: has(site, ExposureStarted, exposure=2))
    assert len(of_class(observatory(site.cluster), ServiceTookOver)) == 1  # it stands by
    worker.kill()
    worker.communicate()

    result = ended(asking)  # the group gives it the seat; it looks, and tells

    assert result.code == 1
    assert "failed in exposure 2: Interrupted: the worker that ran the shot ended" in result.err
    assert names(of_shots(site)) == [
        *("ShotByHandRequested", "ShotStarted", "TelescopeSetupStarted", "TelescopeSetupFinished"),
        *("ExposureStarted", "ExposureFinished", "ExposureStarted", "ShotFinished"),
    ]
    assert not list(site.folder.rglob("exp02/virus/*.fits"))


def test_one_telescope_has_one_shot(site: Stage) -> None:
    long = site.also("long", telescope=LONG)
    first = long.start(*ENDLESS)
    until(lambda: has(site, ExposureStarted, exposure=2))
    refused = site.evctl(*SHOT)
    assert refused.code == 75
    assert "The telescope is not free: it runs HS0051 (observation 13) since 20" in refused.sentence
    expired = Publisher(site.cluster, Registry(site.cluster), OBSERVATORY, "somebody")
    now = utc_micros()
    expired.publish(ShotRequested(now, order(shotid="HS0052", metadata={}), now + 1000))
    expired.flush()
    second = site.start(*SHOT, "--wait", 300)
    until(lambda: has(site, ShotByHandRequested, 2))

    third = Publisher(site.cluster, Registry(site.cluster), OBSERVATORY, "third")
    third.publish(ShotRequested(now, order(shotid="HS0053", metadata={}), now + 600_000_000))
    third.flush()
    waits = site.done("shot", "abort", "HS0053")
    assert waits == "HS0053 waits, and ends when its turn comes\n"
    assert site.done("shot", "abort", "--why", "clouds", "-t", 60) == "HS0051 has ended\n"

    bad, good = ended(first), ended(second)
    assert bad.code == 1
    assert "HS0051 failed in exposure 2: Aborted: " in bad.sentence
    assert bad.sentence.endswith("asked for it: clouds.")
    assert "still carries out" not in bad.err  # what waits is not its own
    assert good.code == 0, good
    assert "waiting" in good.err
    (late,) = of_class(observatory(site.cluster), ShotExpired)
    assert late.event.order.shotid == "HS0052"
    site.done("run", "shots", "--once")
    aborted = of_class(observatory(site.cluster), ShotFinished)[-1].event
    assert (aborted.order.shotid, aborted.kind) == ("HS0053", "Aborted")
    files = {path.parents[2].name for path in site.folder.rglob("*.fits")}
    assert files == {"virus0000012", "virus0000013"}  # of the exposure before the abort, too


def test_ctrl_c_aborts_the_shot_and_a_shot_in_waiting_may_be_given_up(site: Stage) -> None:
    long = site.also("long", telescope=LONG)
    first = long.start(*ENDLESS)
    until(lambda: has(site, TelescopeSetupStarted))
    waiting = long.start(*SHOT, "--wait", 300)
    until(lambda: has(site, ShotByHandRequested, 2))
    given_up = interrupted(waiting)
    assert (given_up.code, "it had not begun" in given_up.err) == (130, True)

    until(lambda: has(site, ExposureStarted, exposure=2))
    aborted = interrupted(first)

    assert aborted.code == 130
    assert aborted.out.splitlines()[-1].endswith("failed in exposure 2: Aborted: " + who(site))
    assert not has(site, ExposureFinished, exposure=2)
    long.done("run", "shots", "--once")  # comes to the one that was given up, and ends it
    last = of_shots(site)[-1].event
    assert (last.order.shotid, last.kind, last.step) == ("HS0050", "Aborted", "set-up")
    assert not has(site, TelescopeSetupFinished, 2)


def interrupted(process: "subprocess.Popen[str]") -> Any:
    """Press Ctrl+C, and return how it ended."""
    process.send_signal(signal.SIGINT)
    return ended(process)


def who(stage: Stage) -> str:
    """Return what is said of who asked for the last end."""
    asked = of_class(observatory(stage.cluster), ShotAbortRequested)[-1].event
    return f"{asked.who} asked for it: Ctrl+C"


@pytest.mark.parametrize("point", [Point.WORK_STARTED, Point.WORK_DONE])
def test_a_crash_beside_a_shot_leaves_it_whole(site: Stage, point: Point) -> None:
    site.done("run", "shots", "--once")  # takes its seat
    asker = Publisher(site.cluster, Registry(site.cluster), OBSERVATORY, "chooser")
    now = utc_micros()
    asker.publish(ShotRequested(now, order(), now + 600_000_000))
    asker.flush()
    dying = site.start("run", "shots", "--once", **{VARIABLE: point})
    assert dying.wait(WAIT_S) == -signal.SIGKILL
    dying.communicate()

    site.done("run", "shots", "--once")

    told = of_shots(site)
    assert [type(record.event) for record in told] == [ShotStarted, *IN_ORDER, ShotFinished]
    assert not told[-1].event.error
    assert len(list(site.folder.rglob("*.fits"))) == 12


def test_a_telescope_that_takes_commands(site: Stage) -> None:
    program = site.folder / "syscmd"
    program.write_text(
        "#!/bin/sh\n"
        'echo "$@" >> calls\n'
        '[ "$1" != expose ] || { mkdir -p "$2" && touch "$2/a.fits"; }\n'
        '[ "$1" != fail ] || { echo "no guide star"; exit 3; }\n'
    )
    program.chmod(0o755)
    sections: dict[str, Any] = {
        "telescope": {"kind": "syscmd", "syscmd": str(program)},
        "run_shot": {
            "shuffle_shot": "shuffle",
            "exposure_command": [str(program), "expose", "{directory}"],
            "data_dir": "data",
        },
    }
    real = site.also("real", **sections)
    metadata = ("-m", '{"QIFU": "000"}')
    assert "exposure 3 done: 36 s, 1 FITS file\n" in real.done(*SHOT, *metadata)
    calls = (site.folder / "calls").read_text().splitlines()
    assert (calls[0], len(calls)) == ("guide on", 4)
    assert calls[3].endswith("/virus/virus0000012/exp03")

    (site.folder / "shuffle/HETcommands/HS0050_000_W.hetcommands").write_text("fail\n")
    bad = real.evctl(*SHOT, *metadata)
    assert (bad.code, "in set-up: SetupFailed" in bad.sentence) == (1, True)
    assert "fail` ended with exit code 3" in bad.sentence
    assert "          no guide star\n" in bad.out
    sections["run_shot"].pop("exposure_command")
    pointing = site.also("pointing", **sections).evctl(*SHOT)
    assert (pointing.code, "set run_shot.exposure_command" in pointing.sentence) == (78, True)
