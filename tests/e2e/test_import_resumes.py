"""Whatever an import meets, the next one completes it: every reader has every event once."""

import os
import re
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from infra.importing import source_of
from infra.log import topics
from infra.log.registry import Registry
from infra.log.writing import Publisher
from producers import Entry
from producers.formats import open_recording, writer_for
from schemas.events.tcs import TcsEvent
from schemas.record import Provenance
from schemas.topics import OBSERVATORY
from tests.e2e.stage import Stage, ended, on_stage
from tests.waiting import until

MIDNIGHT, HOUR = 1_795_219_200_000_000, 3_600_000_000  # 2026-11-21T00:00Z


def event(number: int, time: int = MIDNIGHT) -> TcsEvent:
    """Return an event that no other number has."""
    values = {"number": number, "x": number / 7}
    return TcsEvent(
        time + number, time, "tcs", "tracker", "k", more_data=False, values=values, original_text={}
    )


def recording(path: Path, events: Sequence[TcsEvent]) -> Path:
    """Write a recording without ids."""
    with writer_for("jsonl")(path) as writer:
        for number, one in enumerate(events):
            writer.add(Entry(one, None, number))
    return path


def numbers(stage: Stage, window: str = "all") -> list[object]:
    """Return which events an export of a window has, in its order."""
    path = stage.folder / "out.jsonl"
    stage.done("export", window, "--to", path, "--force")
    return [entry.event.values["number"] for entry in open_recording(path).entries()]


@pytest.mark.parametrize("after", [2.0, 2.3])
def test_a_log_that_answers_again_while_an_import_gives_up_gets_no_hole(
    tmp_path: Path, after: float
) -> None:
    with on_stage(tmp_path / "site") as stage:
        impatient = stage.also("impatient", log={"client": {"message.timeout.ms": 2000}})
        night = recording(stage.folder / "night.jsonl", [event(n) for n in range(25_000)])
        segment = stage.settings.log.data_dir / "observatory-0" / f"{0:020d}.log"
        importing = impatient.start("import", night)
        until(lambda: segment.exists() and segment.stat().st_size > 50_000)
        assert stage.broker is not None
        os.kill(stage.broker.pid, signal.SIGSTOP)
        timer = threading.Timer(after, os.kill, (stage.broker.pid, signal.SIGCONT))
        timer.start()
        first = ended(importing)
        timer.join()
        there = numbers(stage)
        assert there == list(range(len(there)))
        if first.code:
            assert first.code == 74
            assert re.search(r" of the recording (is|are) on the log; ", first.sentence)
            stage.done("import", night)
        assert ": 0 events added, 25,000 were on the log already " in stage.done("import", night)
        assert numbers(stage) == list(range(25_000))


def test_a_hole_that_is_on_the_log_is_filled_and_ids_stay(tmp_path: Path) -> None:
    with on_stage(tmp_path / "site") as stage:
        events = [event(n) for n in range(100)]
        night = recording(stage.folder / "night.jsonl", events)
        source = source_of(open_recording(night))
        leave(stage, source, events, [0, 1, *range(40, 60)])
        assert ": 78 events added, 22 were on the log already " in stage.done("import", night)
        assert ": 0 events added, " in stage.done("import", night)
        assert sorted(numbers(stage), key=str) == sorted(range(100), key=str)
        given = {
            entry.event.values["number"]: entry.given_id and entry.given_id.bytes
            for entry in open_recording(stage.folder / "out.jsonl").entries()
        }
        assert given == {n: Provenance(source, n).id_bytes for n in range(100)}


def test_a_hole_in_a_night_before_is_filled_too(tmp_path: Path) -> None:
    """Of what was removed, for instance because it was archived."""
    with on_stage(tmp_path / "site") as stage:
        events = [event(n, MIDNIGHT + n // 50 * 24 * HOUR) for n in range(100)]
        night = recording(stage.folder / "night.jsonl", events)
        stage.done("import", night)
        topics.delete(stage.cluster, ["observatory"])
        leave(stage, source_of(open_recording(night)), events, range(50, 100))
        assert ": 50 events added, 50 were on the log already " in stage.done("import", night)
        assert numbers(stage) == [*range(50, 100), *range(50)]
        assert numbers(stage, "2026-11-21") == list(range(50))


def leave(stage: Stage, source: str, events: Sequence[TcsEvent], places: Sequence[int]) -> None:
    """Have only some events of a recording on the log."""
    publisher = Publisher(stage.cluster, Registry(stage.cluster), OBSERVATORY, source)
    for place in places:
        publisher.publish(events[place], seq=place)
    publisher.flush()
