"""Shots from a file to the log, and from there to a choice, by evctl and by another program."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from infra.cli import app
from infra.clock import fresh_id, utc_micros
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.scheduling import picture
from infra.scheduling.picture import MatplotlibMissing
from schemas.events.orchestrator import AllowanceChanged, ShotWithheld
from schemas.events.schedules import (
    ScheduleExpired,
    ScheduleFailed,
    ScheduleRequested,
    ScheduleStarted,
    ShotProposed,
)
from schemas.events.services import ServiceTookOver
from schemas.events.ticks import TimePassed
from schemas.repeats import epoch_line
from schemas.topics import OBSERVATORY
from schemas.utc import MICROS, parse
from tests.e2e.stage import Stage, on_stage
from tests.integration.serving.silent_telescope import observatory, of_class
from tests.unit.orchestrator.story import finished, order_by_hand
from tests.unit.scheduling.test_shot_file import GOOD, HEADER, Q

LINES = "".join(
    f"DEX{number:05} {10 + number / 4} {51.5 + number % 3 / 10} 2 {1 + number % 2} 1 -1 {Q}\n"
    for number in range(20)
)
PROGRAM = 'case $1 in 1.5) echo "# $2"; echo "DEX00003 1 318.2";; *) echo rubbish;; esac'
COMMAND = ["sh", "-c", PROGRAM, "sh", "{seeing}", "{jd}"]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A site with a shot file and an external scheduler."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "shots.dat").write_text(HEADER + LINES)
    sections = {
        "shots": {"shot_file": "shots.dat"},
        "scheduler": {"command": COMMAND},
        "orchestrator": {"setup_time": 227},
    }
    with on_stage(folder, **sections) as stage:
        yield stage


@pytest.fixture
def file(stage: Stage) -> Path:
    return stage.folder / "shots.dat"


def evctl(stage: Stage, *words: object) -> Result:
    """Run a command in this process."""
    line = ("--site-file", str(stage.site_file), *map(str, words))
    return CliRunner().invoke(app, line, prog_name="evctl")


def done(stage: Stage, *words: object) -> str:
    found = evctl(stage, *words)
    assert found.exit_code == 0, found.output
    return found.stdout


def refused(stage: Stage, *words: object) -> tuple[int, str]:
    found = evctl(stage, *words)
    assert "Traceback" not in found.output
    return found.exit_code, found.stderr.strip()


def test_a_list_that_was_loaded_holds_until_the_next(stage: Stage, file: Path) -> None:
    code, said = refused(stage, "shot", "list")
    assert (code, "There is no list of shots on the log" in said) == (66, True)
    first = stage.folder / "first.dat"
    first.write_text(GOOD)
    assert "first.dat: 1 shot loaded" in done(stage, "shot", "load", first, "--who", "Ann")
    digest = done(stage, "shot", "load", file).rpartition(" ")[2].strip()
    listed = [json.loads(line) for line in done(stage, "shot", "list", "--json").splitlines()]
    assert [shot["shotid"] for shot in listed] == [f"DEX{number:05}" for number in range(20)]
    assert listed[0]["metadata"]["QPROG"] == "HET18-2-100"
    table = evctl(stage, "shot", "list")
    assert (
        "DEX00019  14.750000  51.600000  either  2         1       0     42.11 or 317.89"
        in table.stdout
    )
    assert f"20 shots of shots.dat, digest {digest}" in table.stderr
    found = json.loads(done(stage, "shot", "next", "2019-03-07T06:00:00", "--json"))
    assert (found["list"], found["track"], found["rule"]) == (digest, "E", None)
    again = ("shot", "next", "2019-03-07T06:00:00", "--json", "--file", file)
    assert json.loads(done(stage, *again)) == found
    tail = json.loads(done(stage, "tail", "observatory", "--json", "-n", "1"))
    assert tail["key"] == "shot_list"
    assert [{**shot, "done": 0} for shot in tail["data"]["shots"]] == listed


def test_the_next_shot_and_why_there_is_none(stage: Stage, file: Path) -> None:
    words = ("shot", "next", "--file", file)
    said = done(stage, *words, "2019-03-07T06:00:00", "--azimuth", "42")
    assert "where the structure stands" in said
    assert "removed" in said
    assert "sun_up: The sun's altitude is" in done(stage, *words, "2019-03-07T18:00:00")
    every = [word for number in range(20) for word in ("--done", f"DEX{number:05}")]
    assert "visits_done: None of the 20" in done(stage, *words, "2019-03-07T06:00:00", *every)
    assert "shot" in done(stage, *words)  # now
    code, said = refused(stage, *words, "--done", "DEX99999")
    assert (code, "--done DEX99999: " in said, "has no such shot" in said) == (2, True, True)


def test_a_night_is_planned_and_drawn(
    stage: Stage, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("shot", "plan", "2019-03-07", "--file", file)
    plan = json.loads(done(stage, *words, "--json"))
    shots = plan["shots"]
    assert 10 < len(shots) <= 20
    assert plan["open_shutter_s"] == 1080 * len(shots)
    first, second = shots[0], shots[1]
    assert parse(second["begins"]) - parse(first["begins"]) >= (227 + 3 * 405) * MICROS
    drawn, again = stage.folder / "night.svg", stage.folder / "again.svg"
    assert f"{len(shots)} shots, " in done(stage, *words, "--out", drawn)
    done(stage, *words, "--out", again)
    assert drawn.read_text() == again.read_text()
    assert all(shot["shot"] in drawn.read_text() for shot in shots)
    full_moon = ("shot", "plan", "2019-03-21", "--file", file, "--out", stage.folder / "none.PNG")
    assert done(stage, *full_moon).startswith("2019-03-21: 0 shots, 0 h 00 min")
    assert (stage.folder / "none.PNG").read_bytes().startswith(b"\x89PNG")
    assert refused(stage, *words, "--out", "night.pdf")[0] == 2
    assert refused(stage, *words, "--out", stage.folder / "no" / "night.svg")[0] == 74
    monkeypatch.setattr(picture, "find_spec", lambda _: None)
    code, said = refused(stage, *words, "--out", stage.folder / "night.svg")
    assert (code, said) == (MatplotlibMissing.exit_code, f"evctl: {MatplotlibMissing()}")


def test_a_file_is_checked(stage: Stage, file: Path, tmp_path: Path) -> None:
    far = tmp_path / "far.dat"
    far.write_text(GOOD + GOOD.replace("DEX00001", "DEX00002").replace("56.1464", "-56.1464"))
    said = done(stage, "shot", "check", far)
    assert "2 shots (0 east, 0 west, 2 either), 2 visits" in said
    assert "DEX00002: never within reach of the tracker" in said
    assert "20 shots" in done(stage, "shot", "check", file)
    far.write_text(GOOD + GOOD + "one\ntwo\n")
    code, told = refused(stage, "shot", "check", far)
    assert (code, len(told.splitlines())) == (65, 5)
    assert refused(stage, "shot", "load", far) == (code, told)
    assert refused(stage, "shot", "load", tmp_path / "none.dat")[0] == 66
    assert refused(stage, "shot", "load", file, "--who", " ")[0] == 2
    code, told = refused(stage, "shot", "load", file, "--namespace", "replay.first")
    assert (code, "replay.first. is a replay's namespace" in told) == (2, True)
    assert refused(stage, "shot", "plan", "yesterday", "--file", file)[0] == 2
    assert refused(stage, "shot", "next", "soon", "--file", file)[0] == 2


def test_a_list_too_large_for_a_record_is_named(stage: Stage, tmp_path: Path) -> None:
    large = tmp_path / "large.dat"
    long = GOOD.replace("HS0015_E", "x" * 10_000)
    large.write_text("".join(long.replace("DEX00001", f"DEX{n}") for n in range(500)))
    for words in (("shot", "check"), ("shot", "load"), ("simulate", "2019-03-07", "--shots")):
        code, said = refused(stage, *words, large)
        assert code == 65, said
        assert f"{large} is too large: its 500 shots make a record of 5," in said
        assert "bytes, and observatory takes 4,193,280. Leave out" in said


def test_visits_are_counted_as_the_orchestrator_counts_them(stage: Stage, file: Path) -> None:
    orchestrator = ("run", "orchestrator", "--once")
    registry = Registry(stage.cluster)
    publisher = Publisher(stage.cluster, registry, OBSERVATORY, f"telescope-{fresh_id()}")
    worker = Publisher(stage.cluster, registry, OBSERVATORY, f"worker-{fresh_id()}")

    def observed(
        shotid: str, *, error: bool = False, by: Publisher = publisher, **given: Any
    ) -> None:
        order = replace(order_by_hand(), shotid=shotid)
        by.publish(finished(utc_micros(), fresh_id(), order, error=error), **given)
        by.flush()

    def decided(*, allowed: bool) -> Any:
        """Return what the orchestrator knows of visits, with another reason to choose no shot."""
        publisher.publish(AllowanceChanged(utc_micros(), fresh_id(), allowed, "Ann"))
        publisher.publish(TimePassed(utc_micros()))
        publisher.flush()
        done(stage, *orchestrator)
        return _of(stage, ShotWithheld)[-1].visits

    def listed() -> dict[str, int]:
        shots = map(json.loads, done(stage, "shot", "list", "--json").splitlines())
        return {shot["shotid"]: shot["done"] for shot in shots if shot["done"]}

    time = "2019-03-07T06:00:00"
    assert "done and counted" not in evctl(stage, "shot", "load", file).stderr
    done(stage, *orchestrator)  # it takes its seat
    first = json.loads(done(stage, "shot", "next", time, "--json"))["shot"]
    observed(first, by=worker, seq=7, epoch=2)
    another = ServiceTookOver(utc_micros(), "worker", "observatory", 0, 3, 1, "")
    worker.publish(another, source=epoch_line(worker.source), seq=3, epoch=3)
    worker.flush()
    observed("DEX00019", error=True)
    assert listed() == {first: 1}
    second = json.loads(done(stage, "shot", "next", time, "--json"))["shot"]
    assert second != first
    assert json.loads(done(stage, "shot", "next", time, "--json", "--file", file))["shot"] == first
    assert decided(allowed=True) == listed() == {first: 1}
    observed(first, by=worker, seq=7)  # once more
    observed(first, by=worker, seq=8, epoch=2)  # by one that was replaced
    observed(second)
    observed("ELSEWHERE")
    assert listed() == {first: 1, second: 1}
    plan = json.loads(done(stage, "shot", "plan", "2019-03-07", "--json"))
    assert not {first, second} & {shot["shot"] for shot in plan["shots"]}

    again = evctl(stage, "shot", "load", file)
    assert "2 visits of these shots are done and counted" in again.stderr
    assert listed() == {first: 1, second: 1}
    assert evctl(stage, "shot", "load", "--visits-left", file).stderr == ""
    assert listed() == {}
    observed(first)
    done(stage, "shot", "load", file)  # corrected at midnight
    assert decided(allowed=False) == listed() == {first: 1}
    said = evctl(stage, "shot", "load", file).stderr
    assert "1 visit of these shots is done and counted" in said


def test_why_refuses_what_only_looks_like_a_time(stage: Stage) -> None:
    for text in ("20261120T0300", "2026-11-20_03:00", "58000.5", "", " "):
        code, said = refused(stage, "why", text)
        assert (code, f"{text.strip()!r} is not an instant" in said) == (2, True), said
    for shotid in ("2019-03-07_A", "20190307", "20190307_A"):
        assert f"no decision about {shotid}: " in refused(stage, "why", shotid)[1]


def test_another_program_is_asked_by_a_worker(stage: Stage) -> None:
    run = ("run", "external_scheduler", "--once")
    done(stage, *run)  # it takes its seat
    now = utc_micros()
    publisher = Publisher(
        stage.cluster, Registry(stage.cluster), OBSERVATORY, f"asker-{fresh_id()}"
    )
    night = parse("2017-06-19T04:48:00Z")
    for seeing, valid_s in ((1.5, 600), (9.9, 600), (1.5, -1)):
        until_ = now + valid_s * MICROS
        publisher.publish(ScheduleRequested(now, night, seeing, 0.6, None, until_))
    publisher.flush()
    done(stage, *run)
    started, proposed, failed, expired = (
        _of(stage, cls) for cls in (ScheduleStarted, ShotProposed, ScheduleFailed, ScheduleExpired)
    )
    assert [event.request for event in started] == [proposed[0].request, failed[0].request]
    (shot,) = proposed
    assert (shot.shot, shot.track, shot.azimuth) == ("DEX00003", 1, 318.2)
    assert shot.output == "# 2457923.700000\nDEX00003 1 318.2\n"
    assert ["'rubbish' is not `SHOTID TRACK AZIMUTH`" in event.reason for event in failed] == [True]
    assert [event.valid_until for event in expired] == [now - MICROS]


def _of(stage: Stage, cls: type) -> Sequence[Any]:
    return [record.event for record in of_class(observatory(stage.cluster), cls)]


def test_a_scheduler_that_is_not_set_is_told(stage: Stage) -> None:
    other = stage.also("other", scheduler={})
    code, said = refused(other, "run", "external_scheduler", "--once")
    assert (code, "scheduler.command is not set" in said) == (78, True)
    other = stage.also("wrong", scheduler={"command": ["schedule", "{file}"], "timeout": 0})
    code, said = refused(other, "config", "check")
    assert code == 78
    assert "its placeholders are {shot_file} {jd}" in said
    assert "scheduler.timeout" in said
