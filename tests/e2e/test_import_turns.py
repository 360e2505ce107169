"""Imports at the same time take turns: what overlaps is added once."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.log.turns import Turn
from infra.signals import stopping
from producers import Entry
from producers.formats import writer_for
from producers.simulated_night import simulated_night
from schemas.topics import IMPORTS
from tests.e2e.stage import Stage, ended, on_stage


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with on_stage(tmp_path) as made:
        yield made


def write(path: Path, kind: str, first: int, last: int) -> Path:
    with writer_for(kind)(path) as writer:
        for number, event in enumerate(simulated_night(5, rate=0.1)):
            if first <= number < last:
                writer.add(Entry(event, None, number))
    return path


def test_overlapping_recordings_imported_at_once_are_added_once(
    stage: Stage, tmp_path: Path
) -> None:
    files = [
        write(tmp_path / "a.db", "sqlite", 0, 2000),
        write(tmp_path / "b.jsonl", "jsonl", 1000, 3000),
        write(tmp_path / "c.db", "sqlite", 0, 3000),
    ]
    importing = [stage.start("import", file) for file in (*files, files[0])]
    assert [ended(process).code for process in importing] == [0] * 4
    stage.done("run", "projections", "--once")
    assert stage.rows("SELECT COUNT(*) FROM tcs_events") == [(3000,)]
    assert stage.applied() == 3000, "the log holds each event once, too"


def test_a_wait_for_the_turn_ends_with_a_stop(stage: Stage, tmp_path: Path) -> None:
    night = write(tmp_path / "a.db", "sqlite", 0, 10)
    told: list[bool] = []
    with (
        stopping() as stop,
        Turn(stage.cluster, IMPORTS, "import", stop, lambda: told.append(True)) as turn,
    ):
        assert turn.mine
        waiting = stage.start("import", night)
        assert waiting.stderr is not None
        assert "waiting for its end" in waiting.stderr.readline()
        waiting.send_signal(signal.SIGTERM)
        assert ended(waiting).code == 128 + signal.SIGTERM
        turn.keep()
    assert not told
    assert ended(stage.start("import", night)).code == 0
