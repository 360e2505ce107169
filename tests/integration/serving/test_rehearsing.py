"""A worker that stands in: in a replay, by the replay's clock, and never for what is real."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.log.registry import Registry
from infra.log.writing import Producer, Publisher
from schemas import avro, framing
from schemas.events.observation_numbers import ObservationNumberRequested, ObservationNumberTaken
from schemas.events.shots import ShotExpired, ShotFinished, ShotRequested, ShotStarted
from schemas.events.ticks import TimePassed
from schemas.record import Provenance, to_headers
from schemas.topics import OBSERVATORY
from schemas.utc import MICROS
from tests.e2e.stage import Stage, on_stage
from tests.integration.serving.silent_telescope import observatory, of_class
from tests.unit.shots.test_worker import IN_ORDER
from tests.unit.shots.trial import order

BEGUN = 1_551_942_000 * MICROS
NIGHT = "2019-03-07"
NUMBER = ObservationNumberRequested(BEGUN, "HS0050", "", BEGUN, BEGUN + 70 * MICROS)
THERE = ("--namespace", "replay.rehearsal")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A site with a night of a minute, all of ticks."""
    telescope = {"kind": "none", "time_scale": 1e5}
    with on_stage(tmp_path, telescope=telescope) as stage:
        clock = Publisher(stage.cluster, Registry(stage.cluster), OBSERVATORY, "clock")
        for second in range(60):
            clock.publish(TimePassed(BEGUN + second * MICROS), seq=second)
        clock.flush()
        yield stage


def shot(shotid: str, seconds: int) -> ShotRequested:
    """Return a request for a shot, valid for so long from the replay's beginning on."""
    return ShotRequested(BEGUN, order(shotid=shotid, metadata={}), BEGUN + seconds * MICROS)


def ask(stage: Stage, *wanted: ShotRequested | ObservationNumberRequested) -> None:
    """Ask for something as a service in the replay does."""
    cluster = stage.cluster.in_namespace("replay.rehearsal.")
    producer, registry = Producer(cluster), Registry(cluster)
    for number, event in enumerate(wanted):
        kind = type(event)
        encode = avro.writer(kind, framing.prefix(registry.register_event(kind)))
        headers = to_headers(Provenance("chooser", number, replay="rehearsal"))
        name = OBSERVATORY.full_name(cluster.namespace)
        producer.send(name, encode(event), None, 0, BEGUN // 1000, headers)
    producer.flush()


def test_a_stand_in_carries_out_what_is_asked_in_a_replay(stage: Stage) -> None:
    stage.done(
        "replay",
        "--night",
        NIGHT,
        "--speed",
        "max",
        "--services",
        "--patience",
        0,
        *("--id", "rehearsal"),
    )
    ask(stage, shot("HS0050", 70), shot("HS0051", 10), NUMBER)

    refused = stage.evctl(*THERE, "run", "shots", "--once")
    assert (refused.code, "touches the world" in refused.sentence) == (78, True)
    stage.done(*THERE, "run", "shots", "--stand-in", "simulated", "--once")

    found = observatory(stage.cluster.in_namespace("replay.rehearsal."))
    told = of_class(found, ShotStarted, *IN_ORDER, ShotFinished)
    assert [type(record.event) for record in told] == [ShotStarted, *IN_ORDER, ShotFinished]
    assert {record.time for record in told} == {BEGUN + 59 * MICROS}  # the replay's present
    assert not told[-1].event.error
    (late,) = of_class(found, ShotExpired)
    assert late.event.order.shotid == "HS0051"
    assert {path.parts[-6] for path in stage.folder.rglob("*.fits")} == {"20190307"}
    assert [path.name for path in (stage.folder / "telescope").iterdir()] == ["replay.rehearsal"]

    stage.done(*THERE, "run", "shots", "--stand-in", "simulated", "--once")  # nothing is left
    assert len(observatory(stage.cluster.in_namespace("replay.rehearsal."))) == len(found) + 1

    url = f"sqlite:///{stage.folder}/thrown-away.sqlite"
    stage.done(*THERE, "run", "observation_numbers", "--stand-in", url, "--once")
    there = observatory(stage.cluster.in_namespace("replay.rehearsal."))
    (taken,) = of_class(there, ObservationNumberTaken)
    assert (taken.event.obsdate, taken.event.obsnum) == ("2019-03-07", 1)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("run", "shots"), 78, "set telescope.kind to simulated or syscmd"),
        (("run", "shots", "--stand-in", "simulated"), 2, "is no rehearsal's, such as mock.ID"),
        (("run", "projections", "--stand-in", "x"), 2, "it touches nothing outside"),
        (("run", "silence", "--stand-in", "x"), 2, "there are stand-ins for "),
        (
            (*THERE, "run", "shots", "--stand-in", "real", "--once"),
            2,
            "--stand-in real can't stand in for what shots touches: simulated can",
        ),
    ],
)
def test_a_stand_in_is_for_rehearsals(
    stage: Stage, words: tuple[str, ...], code: int, said: str
) -> None:
    result = stage.evctl(*words)
    assert (result.code, said in result.sentence) == (code, True), result


def test_a_rehearsal_with_another_time_may_have_a_stand_in(stage: Stage) -> None:
    mocked = ("--namespace", "mock.first", "run", "shots", "--once")
    real = stage.also("real", telescope={"kind": "syscmd"})
    refused = real.evctl(*mocked)
    assert (refused.code, "telescope.kind is syscmd, a real one" in refused.sentence) == (78, True)
    real.done(*mocked, "--stand-in", "simulated")
