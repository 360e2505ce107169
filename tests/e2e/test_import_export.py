"""Recordings in and out: the identity, nothing twice, and imports that are cut short."""

import random
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid5

import pytest

from infra.importing import source_of
from infra.log import reading
from infra.log.decoding import Decoder
from infra.log.registry import Registry
from producers.formats import open_recording, writer_for
from schemas.events.tcs import TcsEvent
from schemas.record import NAMESPACE
from tests.e2e.stage import Stage, ended, on_stage
from tests.waiting import WAIT_S

RUBIN, HETDEX = "efd/rubin_summit_2023.jsonl.gz", "hetdex/shots_2017_2019.txt"
RUBIN_EVENTS, HETDEX_SHOTS = 11_394, 2_450
RUBIN_BYTES = 1_150_000
"""Bytes that Rubin's recording takes in the log."""

SLOW = {"client": {"queue.buffering.max.messages": 250}}
"""An import waits whenever so many are under way, and takes seconds on any machine."""


class Told(NamedTuple):
    """A record's id, none where a file does not tell, and all that its event says."""

    id: UUID | None
    said: str


def told(event: TcsEvent, identity: UUID | None) -> Told:
    """Return an event as text: 1, 1.0 and true differ, the order of the names does not count."""
    return Told(
        identity,
        f"{event.topic} {event.data_time} {event.wire_time} {event.more_data} "
        f"{sorted(event.values.items())} {sorted(event.original_text.items())}",
    )


def held(path: Path) -> list[Told]:
    """Return what a recording holds."""
    return [told(event, given_id) for event, given_id, _ in open_recording(path).entries()]


def identified(path: Path) -> list[Told]:
    """Return what a recording without ids holds, with the ids that its records must have."""
    source = source_of(open_recording(path))
    return [
        Told(uuid5(NAMESPACE, f"{source}:{seq}"), said) for seq, (_, said) in enumerate(held(path))
    ]


def on_log(stage: Stage) -> list[Told]:
    """Return the records of `observatory`."""
    cluster = stage.cluster
    place = ("observatory", 0)
    decode = Decoder(Registry(cluster)).record
    spans = {place: [reading.whole(cluster, [place])[place]]}
    records = [decode(m) for batch in reading.messages(cluster, spans) for m in batch]
    return [told(record.event, record.id) for record in records]


@pytest.mark.parametrize("name", [RUBIN, HETDEX], ids=["rubin", "hetdex"])
@pytest.mark.parametrize("suffix", [".db", ".jsonl"])
def test_import_export_import_is_the_identity(
    stage: Stage, shared_data: Path, name: str, suffix: str
) -> None:
    recording = shared_data / name
    stage.done("import", recording)
    first = on_log(stage)
    assert first == identified(recording)
    path = stage.folder / f"out{suffix}"
    stage.done("export", "all", "--to", path)
    assert held(path) == first
    with elsewhere(stage) as other:
        other.done("import", path)
        assert on_log(other) == first


def test_tables_made_from_an_exported_night_are_the_same(stage: Stage, shared_data: Path) -> None:
    path = stage.folder / "out.db"
    stage.done("import", shared_data / HETDEX)
    stage.done("export", "all", "--to", path)
    with elsewhere(stage) as other:
        other.done("import", path)
        for site in (stage, other):
            site.done("run", "projections", "--once")
        assert other.digests() == stage.digests()


@contextmanager
def elsewhere(stage: Stage) -> Iterator[Stage]:
    """Give a second site, with a log of its own."""
    folder = stage.folder / "elsewhere"
    folder.mkdir()
    with on_stage(folder) as other:
        yield other


def test_what_is_on_the_log_is_not_added_in_whichever_file_it_comes(
    stage: Stage, shared_data: Path
) -> None:
    recording = shared_data / HETDEX
    shots = list(open_recording(recording).entries())
    head, middle = stage.folder / "head.db", stage.folder / "middle.jsonl"
    for path, form, part in ((head, "sqlite", shots[:1200]), (middle, "jsonl", shots[800:2000])):
        with writer_for(form)(path) as writer:
            for entry in part:
                writer.add(entry)
    assert ": 1,200 events added (" in stage.done("import", head)
    assert ": 800 events added, 400 were on the log already (" in stage.done("import", middle)
    assert ": 450 events added, 2,000 were on the log already (" in stage.done("import", recording)
    whole = stage.folder / "whole.db"
    stage.done("export", "all", "--to", whole)
    lines = stage.done("import", recording, head, middle, whole).splitlines()
    assert len(lines) == 4
    assert all(": 0 events added, " in line for line in lines)
    found = on_log(stage)
    assert [said for _, said in found] == [said for _, said in held(recording)]
    assert len({identity for identity, _ in found}) == HETDEX_SHOTS


@pytest.mark.parametrize("seed", [1, 2])
def test_an_import_that_was_interrupted_is_run_again_and_doubles_nothing(
    stage: Stage, shared_data: Path, seed: int
) -> None:
    chance = random.Random(seed)
    recording = shared_data / RUBIN
    slow = stage.also("slow", log=SLOW)
    code, out, err = cut_short(slow, recording, chance.uniform(0, 0.1), signal.SIGINT)
    assert (code, err) == (130, "")
    assert f"{recording}: stopped; " in out
    assert out.endswith("; run it again to add the rest\n")
    begun = chance.uniform(0.1, 0.2)
    for moment in sorted(chance.uniform(begun, 0.7) for _ in range(2)):
        code, out, _ = cut_short(slow, recording, moment, signal.SIGKILL)
        assert (code, out) == (-signal.SIGKILL, "")
        assert ascending(on_log(stage), identified(recording)) < RUBIN_EVENTS
    stage.done("import", recording)
    assert on_log(stage) == identified(recording)


def cut_short(
    stage: Stage, recording: Path, fraction: float, number: signal.Signals
) -> tuple[int, str, str]:
    """Import, and send a signal when so much of the recording is on the log."""
    partition = stage.settings.log.data_dir / "observatory-0"
    importing = stage.start("import", recording)
    deadline = time.monotonic() + WAIT_S
    while sum(log.stat().st_size for log in partition.glob("*.log")) <= fraction * RUBIN_BYTES:
        assert importing.poll() is None, importing.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.001)
    importing.send_signal(number)
    return ended(importing)


def ascending(found: Sequence[Told], whole: Sequence[Told]) -> int:
    """Hold that what was found is the beginning of the whole; return how much it is."""
    assert found == whole[: len(found)]
    return len(found)


LINE = (
    '{{"__system":"a","__source":"b","__key":"c","__data_time":"2026-11-20T03:00:00Z",'
    '"__wire_time":"2026-11-20T03:00:00Z","__data":false,"__id":"{0}","v":{1}}}\n'
)
ONE, OTHER = UUID(int=1), UUID(int=2)


def test_two_events_of_one_id_are_refused_wherever_the_first_is(stage: Stage) -> None:
    first, second = stage.folder / "first.jsonl", stage.folder / "second.jsonl"
    first.write_text(LINE.format(ONE, 1) * 2)
    assert ": 1 event added, 1 was on the log already (" in stage.done("import", first)
    second.write_text(LINE.format(OTHER, 3) + LINE.format(ONE, 2))
    refused = stage.evctl("import", second)
    assert refused.code == 65
    assert f"second.jsonl:2: the event has the id {ONE}, as has another" in refused.sentence
    assert "another event, observatory[0]@0; " in refused.sentence
    assert "The first event of the recording is on the log; " in refused.sentence
    second.write_text(LINE.format(OTHER, 3) + LINE.format(OTHER, 4))
    refused = stage.evctl("import", second)
    assert refused.code == 65
    assert f"second.jsonl:2: the event has the id {OTHER}, as has another" in refused.sentence
    assert [identity for identity, _ in on_log(stage)] == [ONE, OTHER]


def test_an_event_that_is_too_large_is_named_with_its_place(stage: Stage) -> None:
    path = stage.folder / "big.jsonl"
    path.write_text(LINE.format(ONE, 1) + LINE.format(OTHER, '"' + "x" * 5_000_000 + '"'))
    refused = stage.evctl("import", path)
    assert refused.code == 65
    assert "big.jsonl:2: the event a.b.c has 5,000," in refused.sentence
    assert "The first event of the recording is on the log; " in refused.sentence
    path.write_text(LINE.format(OTHER, '"' + "x" * 5_000_000 + '"'))
    refused = stage.evctl("import", path)
    assert "Nothing of the recording's beginning is on the log; " in refused.sentence


def test_a_recording_is_not_written_to_standard_output(stage: Stage) -> None:
    refused = stage.evctl("export", "all", "--to", "-")
    assert refused.code == 2
    assert "a recording is a file" in refused.err
    assert not (stage.folder / "-").exists()
