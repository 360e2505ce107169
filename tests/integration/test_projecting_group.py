"""Projection processes as a group: they share, take over, are stopped, and lose their database."""

import random
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.broker import control
from infra.log import reading
from infra.log.cluster import ANSWER_TIMEOUT_S
from producers import Entry
from producers.formats import writer_for
from producers.simulated_night import simulated_night
from tests.database_servers import MariaDBServer, new_server
from tests.e2e.stage import Stage, ended, on_stage, suspend
from tests.waiting import until

_TOOK = re.compile(r"^(\S+ ?\S*).*took observatory\[0\] from", re.MULTILINE)
NIGHT = 6000
SMALL = {"batch_size": 100}
"""Many transactions, so that an instance is stopped between any two, or within one."""


class Group:
    """Projection processes of one site, each with a log file of its own."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.members: dict[Path, subprocess.Popen[str]] = {}

    def join(self) -> subprocess.Popen[str]:
        """Start one more."""
        log = self.stage.folder / f"{len(self.members)}.log"
        self.members[log] = self.stage.start("run", "projections", "--log-file", log)
        return self.members[log]

    def took(self, log: Path) -> bool:
        """Whether a process has been given anything."""
        return log.exists() and " took " in log.read_text(encoding="utf-8")

    def holder(self) -> subprocess.Popen[str]:
        """Return the process that took `observatory` last."""
        takings = [
            (taken, log)
            for log in self.members
            if log.exists()
            for taken in _TOOK.findall(log.read_text(encoding="utf-8"))
        ]
        return self.members[max(takings)[1]]

    def shared(self) -> bool:
        """Whether every process has been given something."""
        return all(self.took(log) for log in self.members)

    def caught_up(self, records: int) -> bool:
        """Whether every view has read so many records of `observatory`."""
        return all(self.stage.applied(view) == records for view in self.stage.followers)

    def close(self) -> None:
        """End what still runs."""
        for process in self.members.values():
            process.kill()
            process.communicate()


@pytest.fixture
def night(tmp_path: Path) -> list[Path]:
    """A simulated night, in four recordings."""
    events = list(simulated_night(7, rate=NIGHT / 36_000))
    paths = []
    for number in range(4):
        paths.append(tmp_path / f"part{number}.db")
        with writer_for("sqlite")(paths[-1]) as writer:
            for event in events[number::4]:
                writer.add(Entry(event, None, 0))
    return paths


@pytest.fixture
def group(tmp_path: Path, database_url: str) -> Iterator[Group]:
    """A group at a site of its own, on each database in turn."""
    with on_stage(tmp_path, database={"url": database_url}, projections=SMALL) as stage:
        group = Group(stage)
        try:
            yield group
        finally:
            group.close()


def logged(stage: Stage) -> int:
    """Return how many records the night has on the log."""
    return reading.whole(stage.cluster, [("observatory", 0)])["observatory", 0][1]


def proven(stage: Stage) -> None:
    """See that the tables have every event once, and are those that the log makes."""
    assert '"agrees": true' in stage.done("verify", "all", "--json")
    ((rows,),) = stage.rows("SELECT count(*) FROM tcs_events")
    ((activity,),) = stage.rows("SELECT sum(events) FROM tcs_activity")
    assert (rows, int(activity)) == (logged(stage), logged(stage))


def test_one_takes_over_where_another_is_stopped_or_killed(group: Group, night: list[Path]) -> None:
    stage, chance = group.stage, random.Random(3)
    first, second = group.join(), group.join()
    until(group.shared)

    stopped = group.holder()
    importing = stage.start("import", night[0])
    until(lambda: stage.applied() > chance.randrange(500))
    suspend(stopped, stage)
    assert ended(importing).code == 0
    stage.done("import", night[1])
    until(lambda: group.caught_up(logged(stage)))
    assert group.holder() is not stopped

    stopped.send_signal(signal.SIGCONT)  # it holds a batch, and does not know that it is late
    stage.done("import", night[2])
    until(lambda: group.caught_up(logged(stage)))
    assert (first.poll(), second.poll()) == (None, None)

    killed = group.holder()
    killed.kill()
    stage.done("import", night[3])
    until(lambda: group.caught_up(logged(stage)))

    last = second if killed is first else first
    last.send_signal(signal.SIGTERM)
    result = ended(last)
    assert result.code == 128 + signal.SIGTERM
    assert re.fullmatch(r"[\d,]+ records applied to 6 views\n", result.out)
    assert logged(stage) == sum(1 for _ in simulated_night(7, rate=NIGHT / 36_000))
    proven(stage)


@pytest.fixture
def frail(tmp_path: Path) -> Iterator[tuple[Group, MariaDBServer]]:
    """A group whose database server may go away."""
    server = new_server(tmp_path / "mariadb")
    try:
        with (
            server.database() as url,
            on_stage(tmp_path / "site", database={"url": url}, projections=SMALL) as stage,
        ):
            group = Group(stage)
            try:
                yield group, server
            finally:
                group.close()
    finally:
        server.stop()


def test_a_database_that_goes_away_and_comes_back_is_waited_for(
    frail: tuple[Group, MariaDBServer], night: list[Path]
) -> None:
    group, server = frail
    stage = group.stage
    staying, leaving = group.join(), group.join()
    until(group.shared)
    stage.done("import", night[0])
    until(lambda: group.caught_up(logged(stage)))

    applied = stage.applied()
    importing = stage.start("import", night[1])
    until(lambda: stage.applied() > applied)
    server.kill()
    assert ended(importing).code == 0
    stage.done("import", night[2])
    if group.holder() is staying:
        staying, leaving = leaving, staying
    leaving.send_signal(signal.SIGTERM)  # so that the other is given partitions meanwhile
    assert ended(leaving).code == 128 + signal.SIGTERM
    assert staying.poll() is None

    server.start()
    until(lambda: group.caught_up(logged(stage)))
    staying.send_signal(signal.SIGTERM)
    assert ended(staying).code == 128 + signal.SIGTERM
    proven(stage)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_broker_that_is_away_for_a_while_ends_no_idle_projector(
    group: Group, night: list[Path]
) -> None:
    stage = group.stage
    running = group.join()
    stage.done("import", night[0])
    until(lambda: group.caught_up(logged(stage)))
    port = stage.kill_broker()
    control.start(stage.settings.log.data_dir, port=port)
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(ANSWER_TIMEOUT_S + 3)
    stage.done("import", night[1])
    until(lambda: group.caught_up(logged(stage)))
    proven(stage)


def test_without_a_database_nothing_starts_and_a_sentence_says_why(
    frail: tuple[Group, MariaDBServer], night: list[Path]
) -> None:
    group, server = frail
    group.stage.done("import", night[0])
    server.stop()
    for words in (("run", "projections", "--once"), ("rebuild", "tcs_latest"), ("verify", "all")):
        result = group.stage.evctl(*words)
        assert (result.code, result.out) == (69, "")
        assert re.search(r"^evctl: The database mysql\S+ does not answer: .*", result.sentence)
