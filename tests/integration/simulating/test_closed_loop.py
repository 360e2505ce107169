"""The closed loop over the log: a function of its scenario, whoever dies on the way."""

from pathlib import Path
from typing import Any

import pytest

from infra.database import connect as connect_database
from infra.log.cluster import Cluster
from infra.signals import Stop
from infra.simulating.numbering import StoredNumbers
from infra.simulating.place import SimulationTaken, place
from schemas.events.observation_numbers import ObservationNumberTaken
from schemas.events.orchestrator import ShotChosen, StatesReported
from schemas.events.shots import ShotFinished, ShotRequested
from schemas.events.tcs import TcsEvent
from tests.integration.serving.silent_telescope import observatory, of_class
from tests.integration.simulating.scene import orchestrated, scenario, simulated

SECONDS = 1500


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'seats.sqlite'}"


def decisions(cluster: Cluster) -> list[Any]:
    """Return what was chosen and asked for, with the ids, which are those of the causes."""
    records = of_class(observatory(cluster), ShotChosen, ShotRequested, ShotFinished)
    return [(record.id, record.event) for record in records]


def said(cluster: Cluster) -> list[int]:
    """Return the numbers of what the telescope said, in the order of the log."""
    records = [r for r in observatory(cluster) if r.provenance.source.startswith("simulate/")]
    return [record.provenance.seq for record in records]


class Killed(Exception):
    """The simulation was ended as by a power cut."""


def killed_at(heartbeat: int) -> Any:
    """Return what ends a simulation at one of its heartbeats."""
    passed = 0

    def advance(_: int) -> None:
        nonlocal passed
        passed += 1
        if passed > heartbeat:
            raise Killed

    return advance


def test_a_night_is_the_same_however_often_it_and_the_orchestrator_die(
    cluster: Cluster, database: str
) -> None:
    stop, night = Stop(), scenario(SECONDS)
    whole, broken = (
        cluster.in_namespace(place(cluster.namespace, "whole")),
        cluster.in_namespace(place(cluster.namespace, "broken")),
    )
    with orchestrated(whole, database):
        report = simulated(whole, night, stop)
    assert report.complete
    assert report.finished >= 3
    assert report.chosen == report.shots
    assert report.open_shutter == pytest.approx(60 * report.finished, abs=60)
    numbers = [r.event.obsnum for r in of_class(observatory(whole), ObservationNumberTaken)]
    assert numbers == list(range(1, report.chosen + 1))
    heartbeats = [
        record
        for record in of_class(observatory(whole), TcsEvent)
        if record.event.source == "receiver"
    ]
    answers = of_class(observatory(whole), StatesReported)
    assert [one.provenance.cause for one in answers] == [one.id for one in heartbeats]

    for heartbeat in (7, 90, 150):
        with orchestrated(broken, database, crashes=True), pytest.raises(Killed):
            simulated(broken, night, stop, advance=killed_at(heartbeat))
    with orchestrated(broken, database):
        resumed = simulated(broken, night, stop)
        again = simulated(broken, night, stop)
    assert decisions(broken) == decisions(whole)
    assert said(broken) == list(range(report.events))
    assert again.published == 0
    for one in (resumed, again):
        assert (one.finished, one.chosen, one.events, one.complete) == (
            *(report.finished, report.chosen, report.events),
            True,
        )
    stop.close()


def test_numbers_may_come_from_a_database_to_throw_away(
    cluster: Cluster, database: str, tmp_path: Path
) -> None:
    stop, taken = Stop(), []
    tables = connect_database(f"sqlite:///{tmp_path / 'numbers.sqlite'}")
    for name in ("first", "second"):
        there = cluster.in_namespace(place(cluster.namespace, name))
        numbers = StoredNumbers(tables, there.namespace, "virus")
        with orchestrated(there, database):
            for _ in range(2):
                assert simulated(there, scenario(400), stop, numbers=numbers).finished == 1
        found = of_class(observatory(there), ObservationNumberTaken)
        taken += [(record.event.obsnum, record.event.row_id) for record in found]
    assert taken[: len(taken) // 2] * 2 == taken
    assert taken[:2] == [(1, 1), (2, 2)]
    tables.close()
    stop.close()


def test_an_open_loop_waits_for_nobody_and_another_night_is_refused(cluster: Cluster) -> None:
    stop, open_loop = Stop(), cluster.in_namespace(place(cluster.namespace, "open"))
    report = simulated(open_loop, scenario(60), stop, closed=False)
    assert (report.complete, report.chosen, report.waits) == (True, 0, [])
    assert said(open_loop) == list(range(report.published))
    for other in (scenario(60, seed=2), scenario(90), scenario(60, allowed=False)):
        with pytest.raises(SimulationTaken, match=r"sim\.open already \(simulate/"):
            simulated(open_loop, other, stop, closed=False)
    with pytest.raises(SimulationTaken):
        simulated(open_loop, scenario(60), stop)
    stop.close()


def test_a_speed_is_kept_to_and_who_asks_it_to_stop_can_go_on_later(cluster: Cluster) -> None:
    stop, there = Stop(), cluster.in_namespace(place(cluster.namespace, "slow"))
    passed = [0]

    def watch_the_clock(seconds: int) -> None:
        passed[0] += seconds
        if passed[0] > 5 and not stop.requested:
            stop.on_signal(2)

    first = simulated(there, scenario(60), stop, closed=False, speed=20.0, advance=watch_the_clock)
    assert not first.complete
    assert first.speed is not None
    assert 0 < first.speed < 30  # it may be slower where the machine is
    assert "the same words again go on with it" in "\n".join(first.lines())
    stop.close()
    stop = Stop()
    second = simulated(there, scenario(60), stop, closed=False)
    assert second.complete
    assert second.published == second.events - first.published
    assert said(there) == list(range(second.events))
    stop.close()


def test_who_does_not_answer_is_waited_for(cluster: Cluster) -> None:
    stop, there = Stop(), cluster.in_namespace(place(cluster.namespace, "late"))
    waited: list[float] = []

    def watch(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) > 3:
            stop.on_signal(2)

    report = simulated(there, scenario(60), stop, watch=watch)
    assert (report.events, report.complete) == (0, False)
    assert waited == sorted(waited)
    stop.close()
