"""Observation numbers through a night in which MariaDB goes away, and the worker dies."""

import signal
import subprocess
from pathlib import Path

from infra.clock import fresh_id, utc_micros
from infra.database import connect
from infra.dying import VARIABLE, Point
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.observation_numbers import migrating
from infra.observation_numbers.tables import OBSNUM
from schemas.events.observation_numbers import (
    ObservationNumberExpired,
    ObservationNumberFailed,
    ObservationNumberRequested,
    ObservationNumberStarted,
    ObservationNumberTaken,
)
from schemas.events.services import ServiceTookOver
from schemas.topics import OBSERVATORY
from schemas.utc import MICROS, parse
from tests.database_servers import new_server
from tests.e2e.stage import Stage, ended, on_stage
from tests.integration.serving.silent_telescope import Telescope, observatory, of_class
from tests.waiting import until

ENDS = (ObservationNumberTaken, ObservationNumberFailed, ObservationNumberExpired)
EVENING, MIDNIGHT = parse("2017-11-24T23:59:59.999999Z"), parse("2017-11-25T00:00:00Z")


def ask(stage: Stage, shot: str, date_time: int = EVENING, valid_s: float = 600.0) -> None:
    """Ask for the number of a shot, valid for so long."""
    publisher = Publisher(
        stage.cluster, Registry(stage.cluster), OBSERVATORY, f"asker-{fresh_id()}"
    )
    now = utc_micros()
    until_ = now + round(valid_s * MICROS)
    publisher.publish(ObservationNumberRequested(now, shot, "", date_time, until_))
    publisher.flush()


def ends(stage: Stage) -> list[object]:
    """Return what came of the requests."""
    return [record.event for record in of_class(observatory(stage.cluster), *ENDS)]


def asked_in_vain(stage: Stage) -> object:
    """Ask for what can't be had now, until the request comes to the worker while it is valid."""
    for valid_s in (2.0, 4.0, 8.0, 16.0, 32.0):
        before = len(ends(stage))
        ask(stage, "in vain", valid_s=valid_s)
        until(lambda: len(ends(stage)) > before)  # noqa: B023 used at once
        if not isinstance(ends(stage)[-1], ObservationNumberExpired):
            break
    return ends(stage)[-1]


def started(stage: Stage) -> int:
    """Return how many requests were begun."""
    return len(of_class(observatory(stage.cluster), ObservationNumberStarted))


def took_over(stage: Stage) -> int:
    """Return how many instances have taken over."""
    return len(of_class(observatory(stage.cluster), ServiceTookOver))


def worker(stage: Stage, **environ: str) -> "subprocess.Popen[str]":
    """Start the worker, and wait until it serves."""
    before = took_over(stage)
    process = stage.start("run", "observation_numbers", "--instance", "one", **environ)
    until(lambda: took_over(stage) > before)
    return process


def numbered(event: object) -> tuple[str, str, int]:
    """Return shot, date and number of one that was taken."""
    assert isinstance(event, ObservationNumberTaken), event
    assert event.recorded
    assert event.inst == "virus"
    return event.shot, event.obsdate, event.obsnum


def test_a_night_in_which_the_server_goes_away_and_the_worker_dies(tmp_path: Path) -> None:
    server = new_server(tmp_path / "m")
    mysql = {"host": "127.0.0.1", "port": server.port, "database": "vl", "user": "root"}
    with server.connect() as root, root.cursor() as cursor:
        cursor.execute("CREATE DATABASE vl")
    database = connect(f"mysql+pymysql://root@127.0.0.1:{server.port}/vl")
    migrating.create(database)
    with on_stage(tmp_path / "s", mysql=mysql) as stage:
        Telescope(stage.cluster)
        first = worker(stage)
        ask(stage, "evening")
        ask(stage, "midnight", MIDNIGHT)
        until(lambda: len(ends(stage)) == 2)

        server.stop()
        in_vain = asked_in_vain(stage)
        since = len(ends(stage))
        ask(stage, "patient")
        server.start()
        until(lambda: len(ends(stage)) == since + 1)
        first.send_signal(signal.SIGTERM)
        said = ended(first).err
        assert said.count("Observation numbers wait for it.") == 1, said
        assert said.count("gives out observation numbers again.") == 1, said

        dying = worker(stage, **{VARIABLE: Point.WORK_DONE})
        ask(stage, "before the crash")
        assert dying.wait(60) == -signal.SIGKILL
        dying.communicate()
        last = worker(stage)
        ask(stage, "after it")
        ask(stage, "too late", valid_s=-1.0)
        until(lambda: len(ends(stage)) == since + 4)
        server.stop()
        before = started(stage)
        ask(stage, "put off")
        until(lambda: started(stage) > before)
        last.send_signal(signal.SIGTERM)
        stopped = ended(last)
        assert stopped.code == 128 + signal.SIGTERM
        assert "observation_numbers ends while it waits: the next one carries obs" in stopped.err
        looking = worker(stage)
        looking.send_signal(signal.SIGTERM)
        assert ended(looking).code == 128 + signal.SIGTERM
        server.start()
        next_one = worker(stage)
        until(lambda: len(ends(stage)) == since + 5)
        next_one.send_signal(signal.SIGTERM)
        ended(next_one)

        evening, midnight, *_ = ends(stage)
        patient, crossed, after, late, put_off = ends(stage)[since:]
        assert numbered(evening) == ("evening", "2017-11-24", 1)
        assert numbered(midnight) == ("midnight", "2017-11-25", 1)
        assert isinstance(in_vain, ObservationNumberFailed)
        assert in_vain.reason.startswith("The database mysql+pymysql://root@127.0.0.1:")
        assert "The request was valid until " in in_vain.reason
        assert numbered(patient) == ("patient", "2017-11-24", 2)
        assert numbered(crossed) == ("before the crash", "2017-11-24", 3)
        assert numbered(after) == ("after it", "2017-11-24", 4)
        assert isinstance(late, ObservationNumberExpired)
        assert numbered(put_off) == ("put off", "2017-11-24", 5)
    with database.reading() as connection:
        assert connection.exec_driver_sql(f"SELECT COUNT(*) FROM {OBSNUM}").scalar() == 6
    database.close()
    server.stop()
