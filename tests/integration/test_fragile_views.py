"""A view that fails at a record: what becomes of it when its reader dies, or when it is mended."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.database import ViewStore
from infra.indexing import open_database
from infra.log.registry import Registry
from infra.projecting import rebuilding
from infra.projecting.judging import Rebuilding
from infra.quarantine.entries import Case, Status
from infra.quarantine.errors import BadRecord
from infra.quarantine.fates import Fates
from infra.quarantine.writing import Quarantine
from infra.signals import Stop
from projections import View
from schemas.topics import OBSERVATORY
from tests.e2e.stage import Stage, on_stage
from tests.integration.fragile_view import WORDS, of, projected
from tests.integration.replay_log import MIDNIGHT, publish, read

SECOND = 1_000_000


@pytest.fixture
def stage(tmp_path: Path, sqlite_url: str) -> Iterator[Stage]:
    """A site of its own."""
    with on_stage(tmp_path / "site", database={"url": sqlite_url}) as stage:
        yield stage


@pytest.fixture
def either(tmp_path: Path, database_url: str) -> Iterator[Stage]:
    """A site of its own, on each database in turn."""
    with on_stage(tmp_path / "site", database={"url": database_url}) as stage:
        yield stage


def append(stage: Stage, first: int, last: int) -> None:
    """Append an event a second: k0 k1 k2 k0 …"""
    times = (MIDNIGHT + n * SECOND for n in range(first, last))
    publish(stage.cluster, times, f"from {first}")


def test_a_view_that_fails_is_mended_and_retried(either: Stage) -> None:
    stage = either
    append(stage, 0, 9)
    assert projected(stage.settings, of("k1")) == 3
    assert projected(stage.settings, of("k1")) == 0
    assert stage.rows("SELECT seq FROM words ORDER BY 1") == [(n,) for n in (0, 2, 3, 5, 6, 8)]
    cluster = stage.cluster
    quarantine = Quarantine(cluster, Registry(cluster))
    quarantine.fates.refresh()
    entry = quarantine.fates.entries[Case(WORDS, OBSERVATORY.name, 0, 4)]
    assert entry.reason.startswith("KeyError: 'k1' (fragile_view.py:")

    def made_anew(view: View) -> None:
        judge, stop = Rebuilding(quarantine.fates, ""), Stop()
        judge.refresh()
        waiting = quarantine.fates.waiting(WORDS)
        database = open_database(stage.settings)
        try:
            work = rebuilding.Rebuilding(cluster, Registry(cluster), database, view, judge)
            work.begin()
            assert work.fill(stop, lambda _: None)
            work.swap()
        finally:
            stop.close()
            database.close()
        quarantine.retried(waiting, "maria")

    with pytest.raises(BadRecord, match=r"observatory\[0\]@1: KeyError"):
        made_anew(of("k1"))
    made_anew(of("none"))
    assert stage.rows("SELECT count(*) FROM words") == [(9,)]
    fates = Fates(cluster, Registry(cluster))
    fates.refresh()
    assert {e.status for e in fates.entries.values()} == {Status.RETRIED}
    # another version fails again, at a lower offset than before, too
    store = ViewStore(open_database(stage.settings), of("k0"), "")
    store.drop()
    store.database.close()
    assert projected(stage.settings, of("k0")) == 3
    fates.refresh()
    statuses = {c.offset: e.status for c, e in fates.entries.items() if c.reader == WORDS}
    assert [n for n, status in sorted(statuses.items()) if status is Status.QUARANTINED] == [
        0,
        3,
        6,
    ]


def test_what_was_passed_over_during_a_rebuild_is_taken_in_by_it(stage: Stage) -> None:
    """The view was mended, and readers of the old code still run."""
    append(stage, 0, 9)
    cluster, stop, judge = stage.cluster, Stop(), Rebuilding(fates_of(stage), "")
    work = rebuilding.Rebuilding(
        cluster, Registry(cluster), open_database(stage.settings), of("none"), judge
    )
    work.begin()
    assert work.fill(stop, lambda _: None)
    append(stage, 9, 12)
    assert projected(stage.settings, of("k1")) == 4
    assert [e.case.offset for e in work.taken_in(fates_of(stage).waiting(WORDS))] == [1, 4, 7]
    assert work.fill(stop, lambda _: None)
    assert [e.case.offset for e in work.taken_in(fates_of(stage).waiting(WORDS))] == [1, 4, 7, 10]
    stop.close()
    work.new.database.close()


def fates_of(stage: Stage) -> Fates:
    """Return what is recorded by now."""
    fates = Fates(stage.cluster, Registry(stage.cluster))
    fates.refresh()
    return fates


def test_one_that_dies_before_the_offset_passes_makes_one_entry(
    stage: Stage, project_root: Path
) -> None:
    append(stage, 0, 3)
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-m", "tests.integration.fragile_view", str(stage.site_file)],
            cwd=project_root,
            env=stage.environment(),
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
    before = fates_of(stage).entries
    assert projected(stage.settings, of("k1")) == 0
    assert dict(fates_of(stage).entries) == dict(before)
    assert [entry.steps for entry in before.values()] == [1]
    assert stage.rows("SELECT seq FROM words ORDER BY 1") == [(0,), (2,)]


def test_what_was_passed_over_stays_so_when_it_could_be_taken_in(stage: Stage) -> None:
    """A crash in between, and a mended view: the record on the topic decides."""
    append(stage, 0, 3)
    quarantine = Quarantine(stage.cluster, Registry(stage.cluster))
    quarantine.put(WORDS, read(stage.cluster, OBSERVATORY)[1], "a fault of an older view")
    assert projected(stage.settings, of("none")) == 0
    assert stage.rows("SELECT seq FROM words ORDER BY 1") == [(0,), (2,)]
