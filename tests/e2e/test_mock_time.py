"""Which clock rules: the true one, a mocked one, a replay's; who is asked; what stays true."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence

import pytest
from typer.testing import CliRunner, Result

from infra.cli import app
from infra.clock import utc_micros
from infra.log import topics
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.mocking import Mock, mock_of_tick
from schemas import utc
from schemas.events.services import ServiceTookOver
from schemas.events.tcs import TcsEvent
from schemas.events.ticks import TimePassed
from schemas.record import AnyRecord
from schemas.topics import OBSERVATORY
from schemas.utc import MICROS
from tests.e2e.stage import Stage
from tests.integration.replay_log import MIDNIGHT, publish
from tests.integration.serving.silent_telescope import observatory, of_class
from tests.waiting import WAIT_S, until

MOCK_TIME = "2017-11-18T18:00:00"
START = utc.parse(MOCK_TIME)
MOCKED = {"EVCTL_DATES__MOCK_TIME": MOCK_TIME}
OWN = ("--namespace", "mock.first")


def evctl(stage: Stage, *words: str, **environ: str) -> Result:
    """Run a command in this process, without a terminal."""
    words = ("--site-file", str(stage.site_file), *words)
    return CliRunner().invoke(app, words, env=environ, prog_name="evctl")


def time_at(stage: Stage, *words: str, **environ: str) -> dict[str, object]:
    """Return what `evctl time` says."""
    found: dict[str, object] = json.loads(evctl(stage, *words, "time", "--json", **environ).stdout)
    return found


def time_of_running(stage: Stage) -> dict[str, object]:
    """Return what `evctl time` says of a clock that runs, once its last tick is young enough."""
    found: dict[str, object] = {}

    def runs() -> bool:
        found.update(time_at(stage, *OWN))
        return bool(found["running"])

    until(runs)
    return found


def records(stage: Stage) -> Sequence[AnyRecord]:
    """Return what stands in the namespace of the rehearsal."""
    cluster = stage.cluster.in_namespace("mock.first.")
    made = OBSERVATORY.full_name(cluster.namespace) in topics.existing(cluster)
    return observatory(cluster) if made else []


def ticks(stage: Stage) -> Sequence[TimePassed]:
    return [record.event for record in of_class(records(stage), TimePassed)]


def asked(stage: Stage) -> tuple[subprocess.Popen[str], int]:
    """Start a clock at a terminal; return it when it has asked, with our end of the terminal."""
    ours, terminal = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "infra.cli", "--site-file", stage.site_file, *OWN, "run", "clock"],
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=terminal,
        text=True,
        env=stage.environment(**MOCKED),
    )
    os.close(terminal)
    said = b""
    while not said.endswith(b"Go on? [y/N] "):
        said += os.read(ours, 4096)
    assert b"decide in the namespace mock.first begin with 2017-11-18T18:00:00.000000Z" in said
    return process, ours


def interrupted(clock: subprocess.Popen[str]) -> str:
    """End a clock as people do, and return what it printed."""
    clock.send_signal(signal.SIGINT)
    out, _ = clock.communicate(timeout=WAIT_S)
    assert clock.returncode == 130
    return out


def test_a_mocked_time_is_refused_where_it_could_stay(stage: Stage) -> None:
    for words in (["clock"], ["silence", "--once"], ["notices", "--once"]):
        refused = evctl(stage, "run", *words, "--yes", **MOCKED)
        assert refused.exit_code == 78
        assert "give a namespace of its own, such as --namespace mock.first" in refused.stderr
        nobody = evctl(stage, *OWN, "run", *words, **MOCKED)
        assert nobody.exit_code == 2
        assert "there is no terminal to ask at whether that is meant" in nobody.stderr
    unset = evctl(stage, *OWN, "run", "clock", "--yes")
    assert unset.exit_code == 78
    assert "dates.mock_time is not set" in unset.stderr
    assert OBSERVATORY.name not in topics.existing(stage.cluster)

    assert evctl(stage, "run", "projections", "--once", **MOCKED).exit_code == 0
    word = evctl(stage, "publish", "observatory", "--event", "TimePassed", f"mocked={MOCK_TIME}")
    assert word.exit_code == 65
    live = evctl(stage, "time", **MOCKED)
    assert live.stdout.startswith("clock           live\n")
    assert "the site's own namespace is no place for it" in live.stderr


def test_it_begins_at_the_yes_and_goes_on_while_all_else_stays_true(stage: Stage) -> None:
    clock, terminal = asked(stage)
    os.write(terminal, b"no\n")
    assert clock.communicate(timeout=WAIT_S)[0] == ""
    assert clock.returncode == 1
    os.close(terminal)
    assert ticks(stage) == []

    clock, terminal = asked(stage)
    before = utc_micros()
    os.write(terminal, b"y\n")
    until(lambda: len(ticks(stage)) > 1)
    words = ["system=tcs", "source=dome", "key=note", "more_data=false"]
    stage.done(*OWN, "publish", "observatory", "--event", "TcsEvent", *words)
    now = time_of_running(stage)
    after = utc_micros()
    assert "ticking mocked time (2017-11-18T18:00:0" in interrupted(clock)
    os.close(terminal)

    (event,) = of_class(records(stage), TcsEvent)
    assert before < event.time < after
    assert (now["clock"], now["running"], now["night"]) == ("mock", True, "2017-11-19")
    assert START < utc.parse(str(now["utc"])) < START + after - before
    first = mock_of_tick(ticks(stage)[0])
    assert first is not None
    assert first.mock_time == START
    assert before < START - first.shift < after, "the moment of the yes"
    assert all(before - MICROS < tick.time < utc_micros() for tick in ticks(stage))

    there = len(ticks(stage))
    again = stage.start(*OWN, "run", "clock", "--yes", **MOCKED)
    until(lambda: len(ticks(stage)) > there)
    interrupted(again)
    assert {mock_of_tick(tick) for tick in ticks(stage)} == {first}
    other = evctl(stage, *OWN, "run", "clock", "--yes", EVCTL_DATES__MOCK_TIME="2018-05-15")
    assert other.exit_code == 73
    assert "give another namespace for 2018-05-15T00:00:00.000000Z" in other.stderr
    decider = evctl(stage, *OWN, "run", "silence", "--once", "--yes", **MOCKED)
    assert decider.exit_code == 0, decider.stderr
    (took_over,) = of_class(records(stage), ServiceTookOver)
    assert before < took_over.time < utc_micros()


def test_where_no_clock_runs_a_mocked_time_stands_still(stage: Stage) -> None:
    nobody = evctl(stage, *OWN, "time")
    assert nobody.exit_code == 66
    assert "no clock has run there, and dates.mock_time is not set" in nobody.stderr
    assert time_at(stage, *OWN, **MOCKED)["jd"] == 2458076.25

    cluster = stage.cluster.in_namespace("mock.first.")
    publisher = Publisher(cluster, Registry(cluster), OBSERVATORY, "clock")
    long_ago = utc_micros() - 7200 * MICROS
    publisher.publish(Mock(START, START - long_ago).tick(long_ago + 3600 * MICROS))
    publisher.flush()
    evctl(stage, *OWN, "replay", "--all", "--speed", "max", "--id", "again")
    replayed = time_at(stage, "--namespace", "mock.first.replay.again")
    assert (replayed["clock"], replayed["jd"]) == ("replay", pytest.approx(2458076.291667))
    shown = evctl(stage, *OWN, "time").stdout.splitlines()
    assert shown == [
        "clock           mock, in the namespace mock.first; it does not run",
        "UTC             2017-11-18T19:00:00.000000Z",
        "JD              2458076.291667",
        "MJD             58075.791667",
        "night           2017-11-19",
        "observing date  2017-11-18",
    ]


def test_in_a_replay_the_replays_clock_rules(stage: Stage) -> None:
    last = MIDNIGHT + 5 * MICROS
    publish(stage.cluster, [MIDNIGHT, last])
    words = ("replay", "--all", "--speed", "max", "--id", "first", "--services", "--patience", "0")
    played = evctl(stage, *words, **MOCKED)
    assert played.exit_code == 0, played.stderr
    assert "In the namespace replay.first the replay's clock rules" in played.stderr
    replay = ("--namespace", "replay.first")

    decider = evctl(stage, *replay, "run", "silence", "--once", **MOCKED)
    assert decider.exit_code == 0
    assert "In the namespace replay.first the replay's clock rules" in decider.stderr
    now = time_at(stage, *replay, **MOCKED)
    assert (now["clock"], now["replay"], now["running"]) == ("replay", "first", None)
    assert now["utc"] == utc.iso(last), "not what the service has said since"
    clock = evctl(stage, *replay, "run", "clock", "--yes", **MOCKED)
    assert clock.exit_code == 2
    assert "no clock runs there" in clock.stderr
    assert evctl(stage, "--namespace", "replay.second", "time").exit_code == 66


@pytest.mark.parametrize("text", ["2017-11-18T18:00:00", "2458076.25", "mjd 58075.75"])
def test_an_instant_is_shown_in_each_notation(text: str) -> None:
    found = json.loads(CliRunner().invoke(app, ["time", *text.split(), "--json"]).stdout)

    assert found == {
        "utc": "2017-11-18T18:00:00.000000Z",
        "jd": 2458076.25,
        "mjd": 58075.75,
        "night": "2017-11-19",
        "observing_date": "2017-11-18",
    }


def test_what_is_no_instant_is_told() -> None:
    refused = CliRunner().invoke(app, ["time", "full", "moon"])

    assert refused.exit_code == 2
    assert "'full moon' is not an instant such as" in refused.stderr
