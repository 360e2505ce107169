"""What replays have left is listed, and goes where nobody plays or reads it; nothing else goes."""

import json
from collections.abc import Iterator
from contextlib import closing, suppress
from math import inf
from pathlib import Path
from threading import Thread

import pytest
from confluent_kafka import TopicPartition
from sqlalchemy import inspect
from typer.testing import CliRunner, Result

from infra import windows
from infra.cli import app
from infra.clock import fresh_id
from infra.indexing import open_database
from infra.kafka.standing import Standing
from infra.log import groups, topics
from infra.log.cluster import Cluster
from infra.replay.asking import Refused, answer_to
from infra.replay.player import Player
from infra.replay.remains import StillPlayed, StillRead, refuse_in_use, remains_of
from infra.replay.request import Request
from infra.signals import Stop
from schemas.nights import Nights
from schemas.topics import OBSERVATORY, RECORDED, REPLAY_CONTROL
from tests.e2e.stage import Stage, on_stage
from tests.integration.replay_log import DAY, MIDNIGHT, publish
from tests.waiting import WAIT_S, until


@pytest.fixture(params=["embedded-sqlite", "kafka-mariadb"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    """A site with two events a day apart, on our own log and on Apache Kafka."""
    namespace = f"left{fresh_id()[:12]}."
    if request.param == "embedded-sqlite":
        with on_stage(tmp_path, log={"namespace": namespace}) as stage:
            publish(stage.cluster, [MIDNIGHT, MIDNIGHT + DAY])
            yield stage
        return
    servers: Standing = request.getfixturevalue("kafka_servers")
    log = {"bootstrap_servers": servers.bootstrap_servers, "namespace": namespace}
    stage = Stage(tmp_path, log=log, database={"url": request.getfixturevalue("mariadb_url")})
    publish(stage.cluster, [MIDNIGHT, MIDNIGHT + DAY])
    yield stage
    stage.close()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Stage]:
    """A site with an event, on the embedded log."""
    with on_stage(tmp_path) as stage:
        publish(stage.cluster, [MIDNIGHT])
        yield stage


def evctl(stage: Stage, *words: str) -> Result:
    """Run a command in this process, without a terminal."""
    return CliRunner().invoke(app, ["--site-file", str(stage.site_file), *words], prog_name="evctl")


def playing(cluster: Cluster, replay: str, **how: object) -> Thread:
    """Start to play everything into a replay."""
    window, stop = windows.read_index(cluster, Nights(), RECORDED).all(), Stop()
    request = Request([window], inf, replay, **how)  # type: ignore[arg-type]  # as they are named

    def play() -> None:
        with closing(stop):
            Player(cluster, request, stop).run()

    thread = Thread(target=play)
    thread.start()
    return thread


def played(cluster: Cluster, replay: str) -> Cluster:
    """Play everything into a replay, and return the log as seen by it."""
    playing(cluster, replay).join()
    return cluster.in_namespace(f"{cluster.namespace}replay.{replay}.")


def there(stage: Stage) -> tuple[set[str], set[str], set[str]]:
    """Return all topics and groups of the site and its replays, and all tables."""
    cluster = stage.cluster
    with closing(open_database(stage.settings)) as database, database.reading() as connection:
        tables = set(inspect(connection).get_table_names())
    names = topics.existing(cluster), [group.name for group in groups.existing(cluster)]
    made, run = ({name for name in some if name.startswith(cluster.namespace)} for some in names)
    return made, run, tables


def test_what_a_replay_has_left_goes_and_nothing_else(stage: Stage) -> None:
    cluster = stage.cluster
    assert evctl(stage, "replay", "list").stdout == "no replay is on the log\n"
    first, second = played(cluster, "first"), played(cluster, "first-2")
    again = played(first, "first")  # a replay of a replay is another one
    for seen in (cluster, first, second, again):
        where = ["--namespace", seen.namespace]
        done = evctl(stage, *where, "run", "projections", "tcs_latest", "--once")
        assert done.exit_code == 0, done.stderr
    group = f"{first.namespace}evctl.projections"
    member = cluster.consumer(group_id=group)
    place = TopicPartition(OBSERVATORY.full_name(first.namespace), 0, 1)
    member.subscribe([place.topic])
    until(lambda: member.poll(0.1) is not None)
    member.commit(offsets=[place], asynchronous=False)

    used = evctl(stage, "replay", "remove", "first-2", "first", "--yes")
    assert used.exit_code == 75
    assert f"the consumer group has members, {group}. End them first" in used.stderr
    member.close()
    with closing(open_database(stage.settings)) as database:
        until(lambda: not remains_of(cluster, database, "first").readers)
    before = there(stage)
    asked = evctl(stage, "replay", "remove", "first")
    assert asked.exit_code == 2
    assert "there is no terminal to ask at whether that may go; give --yes" in asked.stderr
    assert there(stage) == before

    done = evctl(stage, "replay", "remove", "first", "--yes")
    assert done.stdout == f"{asked.stdout}first: removed\n"
    assert asked.stdout.startswith("first: 3 topics, 1 consumer group, 3 tables\n")
    named = {line.split()[-1] for line in asked.stdout.splitlines()[1:]}
    assert named >= {group, OBSERVATORY.full_name(first.namespace)}
    until(lambda: not there(stage)[0] & named)  # Kafka's topics go in their own time
    assert [some - named for some in before] == [*there(stage)]
    assert len(named) == 7
    listed = json.loads(evctl(stage, "replay", "list", "--json").stdout)
    assert (listed["replay"], listed["state"], listed["records"]) == ("first-2", "complete", 2)
    assert "first-2  20" in evctl(stage, "replay", "list").stdout

    gone = evctl(stage, "replay", "remove", "first", "--yes")
    assert (gone.exit_code, gone.stdout) == (66, "")
    assert "Nothing is left of a replay first" in gone.stderr
    done = evctl(stage, "--namespace", first.namespace, "replay", "remove", "first", "--yes")
    assert done.stdout.endswith("first: removed\n")
    until(lambda: not there(stage)[0] & set(done.stdout.split()))
    played(cluster, "first")  # its id is free


def test_what_is_under_way_stays_and_what_was_killed_goes(embedded: Stage) -> None:
    cluster = embedded.cluster
    target = cluster.in_namespace("replay.held.")
    run = playing(cluster, "held", paused=True, listeners=["nobody"], timeout=WAIT_S)
    until(lambda: REPLAY_CONTROL.full_name(target.namespace) in topics.existing(cluster))
    with closing(open_database(embedded.settings)) as database:
        with pytest.raises(Refused, match="it waits for nobody to listen, and has not begun"):
            answer_to(cluster, "held", "pause", WAIT_S)
        with pytest.raises(StillPlayed, match="The replay held is under way, for it answers"):
            refuse_in_use(cluster, remains_of(cluster, database, "held"), WAIT_S)
        member = target.consumer(group_id="nobody")
        member.subscribe([OBSERVATORY.full_name(target.namespace)])

        def begun() -> bool:
            member.poll(0.1)
            with suppress(Refused):
                return answer_to(cluster, "held", "status", WAIT_S).paused
            return False

        until(begun)
        with pytest.raises(StillRead, match="the consumer group has members, nobody"):
            refuse_in_use(cluster, remains_of(cluster, database, "held"), WAIT_S)
        member.close()
        with pytest.raises(StillPlayed):
            refuse_in_use(cluster, remains_of(cluster, database, "held"), WAIT_S)
        answer_to(cluster, "held", "stop", WAIT_S)
        run.join()
        refuse_in_use(cluster, remains_of(cluster, database, "held"), 0)

    topics.ensure(cluster.in_namespace("replay.dead."), [REPLAY_CONTROL])
    publish(cluster.in_namespace("replay.live."), [MIDNIGHT])  # as nobody should
    listed = evctl(embedded, "replay", "list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["REPLAY", "dead", "held"]
    other = evctl(embedded, "replay", "remove", "held", "live", "--yes")
    assert other.exit_code == 73
    assert "Nothing of live was removed, for there is no replay.live.replay.control" in other.stderr
    done = evctl(embedded, "replay", "remove", "dead", "held", "dead", "--yes", "-t", "0.1")
    assert done.exit_code == 0, done.stderr
    assert [name for name in topics.existing(cluster) if "replay." in name] == [
        "replay.live.observatory"
    ]
    bad = evctl(embedded, "replay", "remove", "a.b", "--yes")
    assert (bad.exit_code, "'a.b' can't name a replay" in bad.stderr) == (2, True)
