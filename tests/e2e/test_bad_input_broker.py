"""The broker dies in the middle of each command: a sentence, an end in time, and nothing lost."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import pytest

from infra.log import reading
from infra.log.decoding import Decoder
from infra.log.registry import Registry
from producers import Entry
from producers.formats import open_recording, writer_for
from producers.simulated_night import simulated_night
from schemas.events.tcs import TcsEvent
from tests.e2e.stage import Ended, Stage, ended, on_stage, suspend
from tests.waiting import WAIT_S

EVENTS, PROVEN = 20_000, 5_000
SIPS = {
    "batch.num.messages": 100,
    "queued.max.messages.kbytes": 64,
    "fetch.message.max.bytes": 10_000,
    "message.timeout.ms": 600_000,  # who was held for long is to miss the broker, not an answer
}
"""Readers get little at once, so that the broker dies before they have everything."""


class Act(NamedTuple):
    """A command, how it is known to be under way, and how it is run afterwards."""

    line: str
    under_way: Callable[[Stage, "subprocess.Popen[str]"], bool]
    again: str


def logged(topic: str) -> Callable[[Stage, object], bool]:
    """Some records of the command are on a topic."""

    def found(stage: Stage, _: object) -> bool:
        segments = stage.settings.log.data_dir.glob(f"{topic}-0/*.log")
        return any(segment.stat().st_size > 5000 for segment in segments)

    return found


def written(pattern: str) -> Callable[[Stage, object], bool]:
    """Something stands in a file that the command writes."""
    return lambda stage, _: any(path.stat().st_size for path in stage.folder.glob(pattern))


def built(stage: Stage, _: object) -> bool:
    """Some rows are in the tables that are made beside those that serve."""
    return stage.applied("tcs_events", "proof.", "next") > 0


ACTS = {
    "publish": Act(
        "--namespace pub. publish observatory --event TcsEvent --file events.jsonl --rate 200",
        logged("pub.observatory"),
        "--namespace pub. publish observatory --event TcsEvent --file one.jsonl",
    ),
    "tail": Act(
        "--namespace proof. tail observatory -f",
        lambda _, process: process.stdout is not None and bool(process.stdout.readline()),
        "--namespace proof. tail observatory",
    ),
    "replay": Act(
        "--namespace proof. replay --all --speed 100 --id cut",
        logged("proof.replay.cut.observatory"),
        "--namespace proof. replay --all --speed max --id whole",
    ),
    "run projections": Act(
        "--namespace pub. run projections --log-file projections.log",
        lambda stage, _: stage.applied("tcs_events", "pub.") > 0,
        "--namespace pub. run projections --once",
    ),
    "rebuild": Act(
        "--namespace proof. rebuild tcs_events", built, "--namespace proof. rebuild tcs_events"
    ),
    "export": Act(
        "--namespace proof. export all --to out.jsonl",
        written("out.jsonl.partial"),
        "--namespace proof. export all --to out.jsonl",
    ),
    "verify": Act(
        "--namespace proof. verify all --json",
        written("evctl-verify-*/rebuilt.sqlite-wal"),
        "--namespace proof. verify all --json",
    ),
    # the last one, since its turn is over when it is held for some seconds
    "import": Act("import night.db", logged("observatory"), "import night.db"),
}


class Aftermath(NamedTuple):
    """How each command ended, how it ended when run again, and the site."""

    first: Mapping[str, Ended]
    again: Mapping[str, Ended]
    stage: Stage


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    """Kill the broker while all commands are in their middle, then run them again."""
    folder = tmp_path_factory.mktemp("dying") / "site"
    with on_stage(folder, log={"client": SIPS}, projections={"batch_size": 200}) as stage:
        prepare(stage)
        running = {name: held_in_the_middle(stage, act) for name, act in ACTS.items()}
        stage.kill_broker()
        for process in running.values():
            process.send_signal(signal.SIGCONT)
        first = {name: ended(process) for name, process in running.items()}
        stage.done("broker", "start")
        again = {name: stage.evctl(*act.again.split()) for name, act in ACTS.items()}
        yield Aftermath(first, again, stage)


def prepare(stage: Stage) -> None:
    """Write the files that the commands take, and have a proven part of the night on the log."""
    events = list(simulated_night(5))
    for name, part in (("night.db", events), ("proven.db", events[:PROVEN])):
        with writer_for("sqlite")(stage.folder / name) as writer:
            for event in part:
                writer.add(Entry(event, None, 0))
    stage.done("--namespace", "proof.", "import", "proven.db")
    stage.done("--namespace", "proof.", "run", "projections", "--once")
    lines = stage.done("--namespace", "proof.", "tail", "observatory", "-n", "3000", "--json")
    (stage.folder / "events.jsonl").write_text(lines)
    (stage.folder / "one.jsonl").write_text(lines.splitlines()[0])


def held_in_the_middle(stage: Stage, act: Act) -> "subprocess.Popen[str]":
    """Start a command, and suspend it as soon as it is under way; those before it are by now."""
    process, deadline = stage.start(*act.line.split()), time.monotonic() + WAIT_S
    while not act.under_way(stage, process):
        assert process.poll() is None, (act.line, process.communicate())
        assert time.monotonic() < deadline, f"not under way: {act.line}"
        time.sleep(0.002)
    suspend(process, stage)
    assert process.poll() is None, f"over too soon: {act.line}"
    return process


@pytest.mark.parametrize("name", ACTS)
def test_a_command_whose_broker_dies_says_so_and_completes_when_run_again(
    aftermath: Aftermath, name: str
) -> None:
    first, again = aftermath.first[name], aftermath.again[name]
    assert first.code == 69
    assert re.match(r"evctl: The log at 127\.0\.0\.1:\d+ does not answer: ", first.sentence)
    assert again.code == 0, again


def test_nothing_is_lost_or_doubled_by_the_death(aftermath: Aftermath) -> None:
    stage = aftermath.stage
    night = [said(entry.event) for entry in open_recording(stage.folder / "night.db").entries()]
    assert events(stage, "observatory") == night
    assert events(stage, "proof.replay.whole.observatory") == night[:PROVEN]
    cut = events(stage, "proof.replay.cut.observatory")
    assert cut == night[: len(cut)]
    out = open_recording(stage.folder / "out.jsonl").entries()
    assert [said(entry.event) for entry in out] == night[:PROVEN]
    assert json.loads(aftermath.again["verify"].out)["agrees"] is True
    assert '"agrees": true' in stage.done("--namespace", "pub.", "verify", "all", "--json")
    published = events(stage, "pub.observatory")
    assert published[:-1] == night[PROVEN - 3000 : PROVEN][: len(published) - 1]
    assert not list(stage.folder.glob("*.partial"))


def events(stage: Stage, topic: str) -> list[str]:
    """Return what the events of a topic say."""
    cluster = stage.cluster
    spans = {(topic, 0): [reading.whole(cluster, [(topic, 0)])[topic, 0]]}
    decode = Decoder(Registry(cluster)).record
    return [said(decode(m).event) for batch in reading.messages(cluster, spans) for m in batch]


def said(event: TcsEvent) -> str:
    """Return an event as text, in which NaN is NaN."""
    return f"{event.topic} {event.data_time} {event.wire_time} {sorted(event.values.items())}"
