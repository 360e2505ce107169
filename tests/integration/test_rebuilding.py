"""Rebuilds that end early, are killed, compared, cancelled, and go on where they were."""

import random
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.dying import VARIABLE, Point
from infra.projecting.rebuilding import BUILD
from tests.e2e.stage import Ended, Stage, ended, on_stage
from tests.integration.replay_log import DAY, MIDNIGHT, publish
from tests.waiting import until

NIGHT = "2026-11-21"
SECOND = 1_000_000
EVENTS = 40_000
FEW = 300


@pytest.fixture
def either(tmp_path: Path, database_url: str) -> Iterator[Stage]:
    """A site on each database in turn."""
    with on_stage(tmp_path / "site", database={"url": database_url}) as stage:
        yield stage


def append(stage: Stage, count: int, source: str = "tcs", start: int = MIDNIGHT) -> None:
    publish(stage.cluster, (start + n * SECOND for n in range(count)), source)


def left(stage: Stage, view: str) -> bool:
    """Whether new tables of a view are there."""
    store = stage.store(view, build=BUILD)
    try:
        return store.exists()
    finally:
        store.database.close()


def begun(stage: Stage, view: str) -> subprocess.Popen[str]:
    """Start a rebuild, and return it when it has written something, and not yet all."""
    running = stage.start("rebuild", view)
    until(lambda: stage.applied(view, build=BUILD) > 0 or running.poll() is not None)
    return running


def stopped_on_its_way(stage: Stage, view: str) -> Ended:
    """Stop a rebuild before it is through; one that was quicker is followed by another."""
    while True:
        running = begun(stage, view)
        running.send_signal(signal.SIGINT)
        result = ended(running)
        if result.code:
            return result


def test_a_rebuild_that_is_stopped_goes_on_where_it_was(either: Stage) -> None:
    append(either, EVENTS)
    either.done("run", "projections", "--once")
    before = either.digests()
    result = stopped_on_its_way(either, "tcs_events")
    assert result.code == 128 + signal.SIGINT
    assert re.search(
        r"^tcs_events: stopped; the tables are as they were\. Of 40,000 records [\d,]+ are in new "
        r"ones: `evctl rebuild tcs_events` goes on there, with --cancel it drops them$",
        result.sentence,
    )
    done = either.applied("tcs_events", build=BUILD)
    assert 0 < done < EVENTS
    said = either.done("rebuild", "tcs_events")
    assert said == (
        f"tcs_events: going on from where it was left, {done:,} records done\n"
        f"tcs_events: rebuilt from {EVENTS - done:,} records\n"
    )
    assert not left(either, "tcs_events")
    assert either.digests() == before


def test_a_rebuild_that_is_killed_again_and_again_comes_to_its_end(either: Stage) -> None:
    append(either, EVENTS)
    either.done("run", "projections", "--once")
    before, chance = either.digests(), random.Random(4)
    done = [0]
    while done[-1] < EVENTS and len(done) < 4:
        running = begun(either, "tcs_events")
        mark = done[-1] + chance.randrange(1, 9_000)
        until(
            lambda mark=mark, running=running: (  # type: ignore[misc]
                either.applied("tcs_events", build=BUILD) > mark or running.poll() is not None
            )
        )
        running.kill()
        assert ended(running).code in {-signal.SIGKILL, 0}
        there = either.applied("tcs_events", build=BUILD)
        if there == 0:  # it was quicker than the kill
            break
        assert there >= done[-1]
        done.append(there)
    either.done("rebuild", "tcs_events")
    assert either.digests() == before
    assert '"agrees": true' in either.done("verify", "all", "--json")


@pytest.mark.parametrize("point", [Point.REBUILD_BATCH, Point.REBUILD_FILLED])
def test_a_rebuild_that_dies_at_a_point_leaves_the_old_tables_and_can_go_on(
    either: Stage, point: Point
) -> None:
    append(either, FEW)
    either.done("run", "projections", "--once")
    before = either.digests()
    assert ended(either.start("rebuild", "tcs_events", **{VARIABLE: point})).code == -9
    assert either.digests() == before
    assert left(either, "tcs_events")
    either.done("rebuild", "tcs_events")
    assert either.digests() == before
    assert not left(either, "tcs_events")


def test_what_came_meanwhile_is_in_the_new_tables(either: Stage) -> None:
    append(either, FEW)
    either.done("run", "projections", "--once")
    begun_anew = either.start("rebuild", "tcs_latest", **{VARIABLE: Point.REBUILD_BATCH})
    assert ended(begun_anew).code == -signal.SIGKILL
    append(either, FEW, "later", MIDNIGHT + DAY)
    either.done("rebuild", *either.views)
    assert '"agrees": true' in either.done("verify", "all", "--json")


def test_what_a_rebuild_has_left_can_be_dropped_or_passed_over(either: Stage) -> None:
    append(either, FEW)
    either.done("rebuild", "tcs_latest", "--dry-run")
    assert left(either, "tcs_latest")
    said = either.done("rebuild", "tcs_latest", "--cancel")
    assert said == "tcs_latest: what a rebuild had left is dropped\n"
    assert not left(either, "tcs_latest")
    said = either.done("rebuild", "tcs_latest", "--cancel")
    assert said == "tcs_latest: no rebuild has left anything\n"
    either.done("rebuild", "tcs_latest", "--dry-run")
    said = either.done("rebuild", "tcs_latest", "--from-zero")
    assert said == f"tcs_latest: rebuilt from {FEW} records\n"


def test_tables_left_under_other_settings_are_begun_anew(either: Stage) -> None:
    append(either, FEW)
    either.done("rebuild", "night_summary", "--dry-run")
    other = either.also("other", site={"night_boundary_hour": 12})
    said = other.done("rebuild", "night_summary")
    assert said == f"night_summary: rebuilt from {FEW} records\n"


def test_the_rows_that_differ_are_shown_before_the_swap(either: Stage) -> None:
    append(either, FEW)
    either.done("run", "projections", "--once")
    same = either.done("rebuild", "tcs_activity", "--diff", "--dry-run")
    assert same.splitlines() == [
        "tcs_activity: no row differs",
        "tcs_activity: new tables are filled, the old ones serve",
    ]
    spoil(either)
    append(either, FEW, "later", MIDNIGHT + DAY)  # the serving tables lack it: not compared
    said = either.done("rebuild", "tcs_activity", "--diff", "--from-zero", "--limit", 2)
    assert said.splitlines() == [
        "tcs_activity: rows that differ: 3 (1 only in the old table, 1 only in the new, 1 changed)",
        "  - minute_start 0, tcs_system 'gone', tcs_source 'x'",
        f"  ~ minute_start {MIDNIGHT}, tcs_system 'tcs', tcs_source 'tracker': events 61 → 60",
        "  and 1 more (--limit)",
        f"tcs_activity: rebuilt from {2 * FEW} records",
    ]
    assert '"agrees": true' not in either.evctl("verify", "all", "--json").out
    either.done("run", "projections", "--once")
    assert '"agrees": true' in either.done("verify", "all", "--json")


def spoil(stage: Stage) -> None:
    """Change a row of `tcs_activity`, take one away, and add one."""
    store = stage.store("tcs_activity")
    (table,) = store.tables.data.values()
    minute = table.c.minute_start
    with store.database.writing() as connection:
        connection.execute(table.update().where(minute == MIDNIGHT).values(events=61))
        connection.execute(table.delete().where(minute == MIDNIGHT + 60 * SECOND))
        row = {"minute_start": 0, "tcs_system": "gone", "tcs_source": "x", "events": 1}
        connection.execute(table.insert().values(row))
    store.database.close()


def test_a_table_that_was_dropped_is_not_compared_and_made_anew(either: Stage) -> None:
    append(either, FEW)
    either.done("run", "projections", "--once")
    store = either.store("tcs_events")
    with store.database.writing() as connection:
        connection.exec_driver_sql("DROP TABLE tcs_events")
    store.database.close()
    said = either.done("rebuild", "tcs_events", "--diff").splitlines()
    assert said[0] == "tcs_events: tcs_events is not there, so that nothing is compared"
    assert '"agrees": true' in either.done("verify", "all", "--json")


def test_new_tables_that_are_ahead_of_the_old_ones_are_not_compared(either: Stage) -> None:
    append(either, FEW)
    either.done("run", "projections", "--once")
    append(either, FEW, "later")
    either.done("rebuild", "tcs_latest", "--dry-run")
    result = either.evctl("rebuild", "tcs_latest", "--diff")
    assert result.code == 75
    assert "is behind the log (records to go: 300)" in result.sentence


def test_two_rebuilds_at_once_do_not_mix(either: Stage) -> None:
    append(either, EVENTS)
    either.done("run", "projections", "--once")
    first = begun(either, "tcs_events")
    second = either.start("rebuild", "tcs_events")
    codes = {ended(first).code, ended(second).code}
    assert codes <= {0, 66, 75}
    either.done("rebuild", "tcs_events")
    assert '"agrees": true' in either.done("verify", "all", "--json")
