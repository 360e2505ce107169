"""Tables and the log they came from: brought up to date twice, rebuilt, and held to another log."""

import re
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.broker import control
from infra.log import topics
from infra.log.errors import LogTruncated
from infra.log.reading import whole
from infra.projecting.feeding import Feed
from producers import Entry
from producers.formats import writer_for
from producers.simulated_night import simulated_night
from schemas.topics import OBSERVATORY
from tests.e2e.stage import Ended, Stage, ended, on_stage, suspend
from tests.waiting import until

EVENTS = 3000


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


def recording(folder: Path, seed: int, first: int, last: int) -> Path:
    """Write some events of a simulated night, by their numbers."""
    path = folder / f"{seed}-{first}-{last}.db"
    with writer_for("sqlite")(path, overwrite=True) as writer:
        for event in list(simulated_night(seed, rate=EVENTS / 36_000))[first:last]:
            writer.add(Entry(event, None, 0))
    return path


def diverged(result: Ended, what: str) -> None:
    """See that a command refuses to go on from another log."""
    assert (result.code, result.out) == (65, "")
    assert re.fullmatch(
        rf"evctl: At observatory\[0\]@\d+ the log has {what} was read before: it was made anew, "
        r"cut or replaced\. Find out .*, then `evctl rebuild` the views, .*\.",
        result.sentence,
    )


def test_a_second_run_changes_nothing(either: Stage) -> None:
    either.done("import", recording(either.folder, 1, 0, 500))
    assert either.done("run", "projections", "--once") == "500 records applied to 6 views\n"
    once = either.digests()
    assert either.done("run", "projections", "--once") == "0 records applied to 6 views\n"
    assert either.digests() == once
    either.done("import", recording(either.folder, 1, 0, 700))
    assert either.done("run", "projections", "--once") == "200 records applied to 6 views\n"
    assert '"agrees": true' in either.done("verify", "all", "--json")


def test_a_row_that_another_wrote_meanwhile_is_no_other_log(stage: Stage) -> None:
    stage.done("import", recording(stage.folder, 1, 0, 500))
    place = (OBSERVATORY.name, 0)
    before = whole(stage.cluster, [place])[place]
    stage.done("import", recording(stage.folder, 1, 0, 700))
    stage.done("run", "projections", "--once")  # or one that was stopped, or a rebuild's swap
    store, real = stage.store("tcs_events"), topics.describe(stage.cluster, [place[0]])[place[0]]
    assert Feed(store).take(stage.cluster, place, real, before) == 700
    store.database.close()


def test_a_log_that_was_cut_beyond_what_was_only_passed_over_is_named(stage: Stage) -> None:
    """Of a view that has taken in nothing yet there is no record to compare."""
    stage.done("import", recording(stage.folder, 1, 0, 500))
    place = (OBSERVATORY.name, 0)
    real = topics.describe(stage.cluster, [place[0]])[place[0]]
    store = stage.store("tcs_events")
    store.create()
    feed = Feed(store)
    assert feed.take(stage.cluster, place, real, (0, 500)) == 0
    assert feed.pass_to({place: 3})
    assert Feed(store).take(stage.cluster, place, real, (3, 500)) == 3
    with pytest.raises(LogTruncated):
        Feed(store).take(stage.cluster, place, real, (4, 500))
    store.database.close()


def test_a_topic_made_anew_is_another_log(either: Stage) -> None:
    either.done("import", recording(either.folder, 1, 0, 500))
    either.done("run", "projections", "--once")
    before = either.digests()
    make_anew(either)
    either.done("import", recording(either.folder, 2, 0, 900))
    diverged(either.evctl("run", "projections", "--once"), r"the topic \S+, where the topic \S+")
    diverged(either.evctl("run", "projections"), r"the topic \S+, where the topic \S+")
    assert either.digests() == before
    mended(either)


def make_anew(stage: Stage) -> None:
    """Delete the observatory's topic, and make it."""
    cluster = stage.cluster
    topics.delete(cluster, [OBSERVATORY.name])
    topics.ensure(cluster, [OBSERVATORY])


def mended(stage: Stage) -> None:
    """See that a rebuild makes the tables those of the log that there is."""
    stage.done("rebuild", *stage.views)
    assert '"agrees": true' in stage.done("verify", "all", "--json")
    assert stage.done("run", "projections", "--once") == "0 records applied to 6 views\n"


def test_a_topic_made_anew_under_a_running_projector_ends_it(stage: Stage) -> None:
    stage.done("import", recording(stage.folder, 1, 0, 500))
    running = stage.start("run", "projections")
    until(lambda: stage.applied() == 500)
    before = stage.digests()
    suspend(running, stage)  # so that it does not look while there is no topic
    make_anew(stage)
    running.send_signal(signal.SIGCONT)
    stage.done("import", recording(stage.folder, 2, 0, 900))
    result = ended(running)
    assert result.code == 65
    diverged(result._replace(out=""), r"the topic \S+, where the topic \S+")
    assert stage.digests() == before


@pytest.mark.parametrize(
    ("later", "what"),
    [
        (None, "only 300 records, where 500 records"),
        ((2, 0, 900), "the record [0-9a-f]{32}, where the record [0-9a-f]{32}"),
        ((2, 0, 200), "the record [0-9a-f]{32}, where the record [0-9a-f]{32}"),
    ],
    ids=["shorter", "longer", "as long"],
)
def test_an_older_copy_of_the_log_is_another_log(
    stage: Stage, later: tuple[int, int, int] | None, what: str
) -> None:
    stage.done("import", recording(stage.folder, 1, 0, 300))
    swap_logs(stage, shutil.copytree)
    stage.done("import", recording(stage.folder, 1, 300, 500))
    stage.done("run", "projections", "--once")
    before = stage.digests()
    swap_logs(stage, put_back)
    if later is not None:
        stage.done("import", recording(stage.folder, *later))
    diverged(stage.evctl("run", "projections", "--once"), what)
    assert stage.digests() == before
    if later is None:
        said = stage.evctl("rebuild", "tcs_latest").err
        assert "records that the log has not any more (200 of observatory[0])" in said
    mended(stage)


def swap_logs(stage: Stage, do: Callable[[Path, Path], object]) -> None:
    """Do something to the data directory and to a copy of it while no broker runs."""
    log = stage.settings.log.data_dir
    control.stop(log)
    do(log, log.with_name("copy"))
    control.start(log)


def put_back(log: Path, copy: Path) -> None:
    """Restore the data directory from its copy."""
    shutil.rmtree(log)
    copy.rename(log)


def test_a_log_of_another_site_is_another_log(stage: Stage) -> None:
    stage.done("import", recording(stage.folder, 1, 0, 500))
    stage.done("run", "projections", "--once")
    before = stage.digests()
    swap_logs(stage, lambda log, copy: log.rename(copy))
    stage.done("import", recording(stage.folder, 1, 0, 500))
    diverged(stage.evctl("run", "projections", "--once"), r"the topic \S+, where the topic \S+")
    assert stage.digests() == before
    mended(stage)


def test_a_view_is_rebuilt_under_a_running_projector(either: Stage) -> None:
    running = either.start("run", "projections")
    importing = either.start("import", recording(either.folder, 1, 0, EVENTS))
    until(lambda: either.applied() > 0)
    for view in either.views:
        either.done("rebuild", view)
    assert ended(importing).code == 0
    either.done("import", recording(either.folder, 2, 0, 500))
    until(lambda: all(either.applied(view) == EVENTS + 500 for view in either.followers))
    running.send_signal(signal.SIGTERM)
    assert ended(running).code == 128 + signal.SIGTERM
    assert '"agrees": true' in either.done("verify", "all", "--json")
