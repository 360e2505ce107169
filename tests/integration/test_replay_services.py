"""Services in a replay: they decide anew about what was reported, and are compared."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.notices import worker
from infra.boards import DirectoryBoard
from infra.clock import utc_micros
from infra.database.seats import SeatStore
from infra.indexing import open_database
from infra.log.cluster import Cluster
from infra.log.registry import Registry
from infra.log.writing import Producer, Publisher
from infra.serving import roles
from infra.serving.running import Server
from schemas import avro, framing
from schemas.declare import DECIDED
from schemas.events.notices import NoticeFailed, NoticeRequested
from schemas.events.services import ServiceTookOver
from schemas.events.ticks import TimePassed
from schemas.record import Provenance, to_headers
from schemas.repeats import epoch_line
from schemas.topics import OBSERVATORY
from schemas.utc import MICROS
from tests.e2e.stage import Stage, ended, on_stage
from tests.integration.decided_night import AFTER_S, NIGHT, SECTIONS, decided_night, unasked
from tests.integration.replay_log import DAY, MIDNIGHT, publish
from tests.integration.serving.silent_telescope import observatory, of_class

OTHER_NIGHT = "2026-11-25"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A site with a decided night."""
    with on_stage(tmp_path / "site", **SECTIONS) as stage:
        decided_night(stage, late=False)
        yield stage


def another_takes_over(cluster: Cluster) -> None:
    """Have another service come once silence has gone, as `--once` does."""
    log = Publisher(cluster, Registry(cluster), OBSERVATORY, epoch_line("others/observatory/0"))
    log.publish(ServiceTookOver(utc_micros(), "others", "observatory", 0, 1, 1, ""), seq=1)
    log.flush()


def test_a_service_that_comes_afterwards_decides_as_it_did_then(stage: Stage) -> None:
    replay = ("replay", "--night", NIGHT, "--speed", "max", "--patience", 0, "--id")
    said = stage.done(*replay, "anew", "--services")
    assert "Services decided in an open loop, by the recorded settings" in said
    assert "`evctl --namespace replay.anew run silence --once`" in said
    early = stage.evctl("verify", NIGHT, "--replay", "anew")
    assert (early.code, "silence has not handled all" in early.sentence) == (75, True)

    there = stage.cluster.in_namespace("replay.anew.")
    carried = observatory(there)
    assert {record.provenance.replay for record in carried} == {"anew"}
    assert [one for one in carried if type(one.event).ORIGIN is DECIDED] == []

    stage.done("--namespace", "replay.anew", "run", "silence", "--once")
    found = json.loads(stage.done("verify", NIGHT, "--replay", "anew", "--json"))
    assert found["agrees"]
    assert found["decisions"]["same"] == found["decisions"]["recorded"] >= 15
    decided = observatory(there)[len(carried) :]
    assert {record.provenance.replay for record in decided} == {"anew"}
    assert len(of_class(decided, ServiceTookOver)) == 1
    another_takes_over(there)
    stage.done("verify", NIGHT, "--replay", "anew")

    worker = stage.evctl("--namespace", "replay.anew", "run", "notices", "--once")
    assert (worker.code, "touches the world" in worker.sentence) == (78, True)
    stage.done(*replay, "plain")
    uninvited = stage.evctl("--namespace", "replay.plain", "run", "silence", "--once")
    assert (uninvited.code, "--services" in uninvited.sentence) == (78, True)
    nowhere = stage.evctl("--namespace", "replay.nowhere", "run", "silence", "--once")
    assert (nowhere.code, "There is no replay nowhere" in nowhere.sentence) == (66, True)


def test_a_service_that_waits_is_compared_at_the_end_and_what_it_changed_is_named(
    stage: Stage,
) -> None:
    stricter = stage.also("stricter", silence={"after": AFTER_S - 2})
    waiting = stricter.start("--namespace", "replay.stricter", "run", "silence")
    words = ("replay", "--night", NIGHT, "--speed", "max", "--services", "--settings", "present")
    result = stricter.evctl(*words, "--json", "--id", "stricter", "--patience", 40)
    assert result.code == 1, result
    said = json.loads(result.out)["decisions"]
    assert (said["loop"], said["settings"], said["absent"]) == ("open", "present", [])
    assert said["only_recorded"] > 0
    assert said["only_new"] > 0
    assert said["services"].keys() == {"silence"}
    waiting.send_signal(signal.SIGTERM)
    assert ended(waiting).code == 128 + signal.SIGTERM


def test_a_window_without_ticks_gets_one_each_second(stage: Stage) -> None:
    start = MIDNIGHT + 4 * DAY
    publish(stage.cluster, [start + n * 10 * MICROS for n in range(4)], "recording")
    words = ("replay", "--night", OTHER_NIGHT, "--speed", "max", "--patience", 0)
    said = stage.done(*words, "--services", "--id", "ticked")
    assert f"there are none in the night {OTHER_NIGHT}" in said
    there = stage.cluster.in_namespace("replay.ticked.")
    times = [record.time for record in of_class(observatory(there), TimePassed)]
    assert times == [start + n * MICROS for n in range(1, 31)]
    stage.done("--namespace", "replay.ticked", "run", "silence", "--once")
    result = stage.evctl("verify", OTHER_NIGHT, "--replay", "ticked")
    assert result.code == 75  # the live tables were not brought on


def test_a_worker_does_nothing_for_a_replay_wherever_its_record_gets_to(stage: Stage) -> None:
    registry, cluster = Registry(stage.cluster), stage.cluster
    encode = avro.writer(NoticeRequested, framing.prefix(registry.register_event(NoticeRequested)))
    now = utc_micros()
    event = NoticeRequested(now, "dome", "shut it", now + 600 * MICROS)
    seats = SeatStore(open_database(stage.settings), cluster.namespace)
    seats.create()
    board = DirectoryBoard(stage.folder / "board")
    with unasked() as stop:
        Server(cluster, registry, seats, roles.of_worker(worker(board))).once(stop)
        producer = Producer(cluster)
        headers = to_headers(Provenance("somebody", 1, replay="anew"))
        name = OBSERVATORY.full_name(cluster.namespace)
        producer.send(name, encode(event), None, 0, now // 1000, headers)
        producer.flush()
        Server(cluster, registry, seats, roles.of_worker(worker(board))).once(stop)
    seats.database.close()
    failed = of_class(observatory(cluster), NoticeFailed)[-1].event
    assert "the replay anew" in failed.reason
    assert list((stage.folder / "board").glob("*.txt")) == []
