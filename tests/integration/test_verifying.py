"""Verifying while the log goes on: what is right is never called different, nor what is behind."""

import itertools
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from confluent_kafka import Producer

from infra.cli.proven import table
from infra.indexing import night_index, nights_of, open_database
from infra.log import topics
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.projecting.verifying import Asked, verify
from infra.serving.outputs import Outputs
from projections import views
from schemas.events.services import ServiceTookOver
from schemas.events.silence import SystemSpokeAgain
from schemas.record import Provenance
from schemas.repeats import epoch_line
from schemas.topics import OBSERVATORY
from tests.e2e.stage import Ended, Stage, ended, on_stage
from tests.integration.replay_log import DAY, MIDNIGHT, publish, read, tcs
from tests.waiting import WAIT_S, until

NIGHT = "2026-11-21"
SECOND = 1_000_000
EVENTS = 200
MAX_DELAY = 5


@pytest.fixture
def either(tmp_path: Path, database_url: str) -> Iterator[Stage]:
    """A site with a night in its log and in its tables, on each database in turn."""
    with on_stage(tmp_path / "site", database={"url": database_url}) as stage:
        yield filled(stage)


@pytest.fixture
def stage(tmp_path: Path, sqlite_url: str) -> Iterator[Stage]:
    """The same on SQLite, with projections that may stand still for a while."""
    sections = {"database": {"url": sqlite_url}, "projections": {"max_delay": MAX_DELAY}}
    with on_stage(tmp_path / "site", **sections) as stage:
        yield filled(stage)


def filled(stage: Stage) -> Stage:
    append(stage, "night", 0, EVENTS)
    stage.done("run", "projections", "--once")
    return stage


def append(stage: Stage, source: str, first: int, last: int, start: int = MIDNIGHT) -> None:
    """Append an event a second."""
    publish(stage.cluster, (start + n * SECOND for n in range(first, last)), source)


@pytest.mark.parametrize("night", [NIGHT, None], ids=["night", "all"])
@pytest.mark.parametrize("shown", [True, False], ids=["shown", "not yet shown"])
def test_events_that_come_meanwhile_make_no_difference(
    either: Stage, night: str | None, *, shown: bool
) -> None:
    cluster, site = either.cluster, either.settings
    index = night_index(cluster, site)
    window = index.all() if night is None else index.night(night)
    came: list[int] = []

    def meanwhile(_: int) -> None:
        if not came:
            came.append(1)
            append(either, "late", 0, 5)  # of the night that is verified
            append(either, "tonight", 0, 5, MIDNIGHT + DAY)
            if shown:
                either.done("run", "projections", "--once")

    chosen = list(views(nights_of(site)).values())
    asked = Asked(window, index.ends, night, 1.0)
    database = open_database(site)
    found = verify(cluster, Registry(cluster), database, chosen, asked, meanwhile)
    database.close()
    assert came
    assert all(verdict.agrees for verdict in found), table(found)
    rows = {verdict.view: verdict.rows for verdict in found}
    more = (5 if night else 10) if shown else 0
    assert rows["tcs_events"] == EVENTS + more


def test_a_past_night_is_verified_while_tonight_is_recorded(stage: Stage) -> None:
    running = stage.start("run", "projections")
    cluster = stage.cluster
    publisher = Publisher(cluster, Registry(cluster), OBSERVATORY, "tonight")
    seconds = itertools.count()
    for _ in range(2):
        verifying = stage.start("verify", NIGHT)
        while verifying.poll() is None:
            publisher.publish(tcs(MIDNIGHT + DAY + next(seconds) * SECOND))
            publisher.flush()
        result = ended(verifying)
        assert result.code == 0, result
    running.terminate()
    assert ended(running).code == 128 + signal.SIGTERM


def test_tables_that_get_on_are_waited_for(stage: Stage) -> None:
    append(stage, "night", EVENTS, 2 * EVENTS)
    patient = stage.also("patient", projections={"max_delay": 60})
    verifying = patient.start("verify", "all")
    stage.done("run", "projections", "--once")
    result = ended(verifying)
    assert result.code == 0, result


def test_tables_that_stand_still_are_behind(stage: Stage) -> None:
    append(stage, "tonight", 0, 3, MIDNIGHT + DAY)
    result = stage.evctl("verify", "all")
    assert (result.code, result.out) == (75, "")
    assert re.search(
        r"is behind the log \(records to go: 3\).*`evctl run projections --once`", result.sentence
    )
    assert stage.evctl("verify", NIGHT).code == 0


def test_who_was_replaced_does_not_count_in_a_night_either(either: Stage) -> None:
    """The take-over that says so happened on another day than the night, which was imported."""
    outputs = Outputs(either.cluster, Registry(either.cluster), [OBSERVATORY])
    source, late = "silence/observatory/0", MIDNIGHT + EVENTS * SECOND
    for epoch in (1, 2):
        took_over = ServiceTookOver(late + DAY, "silence", "observatory", 0, epoch, 1, "")
        outputs.announce(took_over, Provenance(epoch_line(source), epoch, epoch=epoch))
    stale = Provenance(source, 1 << 16, cause=UUID(int=1), epoch=1)
    outputs.send(outputs.encoded(SystemSpokeAgain(late, "tcs", late)), stale)
    outputs.flush()
    append(either, "after", EVENTS, EVENTS + 1)
    either.done("run", "projections", "--once")
    assert "DIFFERENT" not in either.done("verify", NIGHT)
    assert either.done("seal", NIGHT).endswith(f" {EVENTS + 2} records\n")  # it is on the log


def test_the_markers_of_transactions_are_waited_for_by_nobody(stage: Stage) -> None:
    """They stand on the log behind the last record, and no reader gets them."""
    assert stage.broker is not None
    (*_, last) = read(stage.cluster, OBSERVATORY)
    producer = Producer(stage.broker.client_config() | {"transactional.id": "foreign"})
    producer.init_transactions(WAIT_S)
    for end in (producer.commit_transaction, producer.abort_transaction):
        producer.begin_transaction()
        producer.produce(OBSERVATORY.name, last.value(), partition=0)
        assert producer.flush(WAIT_S) == 0
        end(WAIT_S)
    following = stage.start("run", "projections")
    until(lambda: stage.applied() == last.offset() + 5)
    following.send_signal(signal.SIGTERM)
    assert ended(following).code == 128 + signal.SIGTERM
    assert stage.done("rebuild", "tcs_events").endswith(f" {last.offset() + 2} records\n")
    stage.done("run", "projections", "--once")
    assert "DIFFERENT" not in stage.done("verify", "all")


def test_a_table_that_is_wrong_is_still_different(either: Stage) -> None:
    store = either.store("tcs_events")
    (data,) = store.tables.data.values()
    with store.database.writing() as connection:
        connection.execute(data.delete().where(data.c.data_time == MIDNIGHT + 7 * SECOND))
    store.database.close()
    for window in ("all", NIGHT):
        result = either.evctl("verify", window)
        assert result.code == 1
        different = [line.split()[0] for line in result.out.splitlines() if "DIFF" in line]
        assert different == ["tcs_events"]


def test_a_replay_older_than_the_night_can_not_be_compared(stage: Stage) -> None:
    stage.done("replay", "--all", "--speed", "max", "--id", "first")
    stage.done("--namespace", "replay.first", "run", "projections", "--once")
    assert stage.evctl("verify", NIGHT, "--replay", "first").code == 0
    append(stage, "tonight", 0, 3, MIDNIGHT + DAY)
    stage.done("run", "projections", "--once")
    assert stage.evctl("verify", NIGHT, "--replay", "first").code == 0
    outdated(stage.evctl("verify", "all", "--replay", "first"), "the whole log", EVENTS + 3)
    append(stage, "late", 0, 3)
    stage.done("run", "projections", "--once")
    outdated(stage.evctl("verify", NIGHT, "--replay", "first"), f"the night {NIGHT}", EVENTS + 3)


def outdated(result: Ended, window: str, there: int) -> None:
    """See that a replay is said to have other records than the log."""
    assert (result.code, result.out) == (75, "")
    assert result.sentence.startswith(
        f"evctl: Of {window} there are {EVENTS} records in replay.first. and {there} on the log"
    )


def test_only_a_replay_that_came_to_its_end_is_compared(stage: Stage) -> None:
    result = stage.evctl("verify", "all", "--replay", "nosuch")
    assert (result.code, result.out) == (66, "")
    assert "There is no replay nosuch: " in result.sentence
    assert stage.evctl("verify", "all", "--replay", "a b").code == 2

    playing = stage.start("replay", "--all", "--speed", "1", "--id", "killed")
    until(lambda: "replay.killed.observatory" in topics.existing(stage.cluster))
    incomplete(stage.evctl("verify", "all", "--replay", "killed"), "killed", "still runs or was")
    playing.kill()
    assert ended(playing).code == -signal.SIGKILL
    incomplete(stage.evctl("verify", NIGHT, "--replay", "killed"), "killed", "still runs or was")

    stage.done("replay", "--all", "--speed", "max", "--id", "whole")
    result = stage.evctl("verify", "all", "--replay", "whole")
    assert (result.code, result.out) == (75, "")
    assert "`evctl --namespace replay.whole. run projections --once`" in result.sentence


def incomplete(result: Ended, replay: str, how: str) -> None:
    """See that a replay is said to be incomplete."""
    assert (result.code, result.out) == (75, "")
    assert result.sentence.startswith(f"evctl: The replay {replay} is incomplete, for it {how}")
