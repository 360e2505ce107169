"""A replay that starts in the middle: its readers know what those know who were there before."""

import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from infra import windows
from infra.database.seats import SeatStore
from infra.indexing import night_index, open_database
from infra.log import topics
from infra.log.cluster import Cluster
from infra.log.reading import whole
from infra.log.registry import Registry
from infra.log.writing import Producer, Publisher
from infra.projecting.feeding import Feed
from infra.projecting.running import Projector
from infra.replay.namespace import seen_by
from infra.replay.pacing import AS_FAST_AS_POSSIBLE
from infra.replay.player import Player
from infra.replay.request import Request
from infra.sealing.standings import before
from infra.serving import roles
from infra.serving.running import Server
from infra.signals import Stop
from infra.windows import Window, offsets
from schemas.events.tcs import TcsEvent
from schemas.record import AnyRecord
from schemas.topics import OBSERVATORY
from tests.e2e.stage import Stage, on_stage
from tests.integration.replay_log import DAY, MIDNIGHT, read
from tests.integration.serving.silent_telescope import Telescope, observatory

NIGHT = "2026-11-21"
SECOND = 1_000_000
PLACE = (OBSERVATORY.name, 0)


@pytest.fixture
def stop() -> Iterator[Stop]:
    """A wish to end that nobody has."""
    stop = Stop()
    yield stop
    stop.close()


def play(stage: Stage, window: Window, replay: str, stop: Stop, *, state: bool) -> Cluster:
    """Replay a window at full speed; return the log as the replay sees it."""
    cluster = stage.cluster
    request = Request([window], AS_FAST_AS_POSSIBLE, replay, state=state)
    assert Player(cluster, request, stop).run().complete
    return seen_by(cluster, replay)


def latest(stage: Stage, cluster: Cluster, stop: Stop) -> str:
    """Make `tcs_latest` of a replay, and return its digest."""
    store = stage.store("tcs_latest", cluster.namespace)
    store.create()
    Projector(cluster, Registry(cluster), [Feed(store)], stage.settings).once(stop)
    found = store.digest()
    store.database.close()
    return found


def telling(time: int, number: int) -> TcsEvent:
    """Return the next event of some that say different values of three things."""
    values = {name: number for n, name in enumerate("abcde") if (number >> n) % 3 == 0}
    return TcsEvent(time, time, "tcs", "root", f"k{number % 3}", False, values, {})


def append(stage: Stage, start: int, numbers: range) -> None:
    """Append an event a second, each fourth of which happened before the one before of its key."""
    source = f"{start} from {numbers.start}"
    publisher = Publisher(stage.cluster, Registry(stage.cluster), OBSERVATORY, source)
    for number in numbers:
        shift = 4 if number % 4 == 0 else 0
        publisher.publish(telling(start + (number - shift) * SECOND, number))
    publisher.flush()


def test_the_latest_values_are_those_of_a_replay_from_the_beginning(
    tmp_path: Path, stop: Stop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(windows, "_JOIN_GAP", 0)
    caplog.set_level(logging.DEBUG, "evctl.replay")
    with on_stage(tmp_path / "site") as stage:
        append(stage, MIDNIGHT, range(300))
        append(stage, MIDNIGHT + DAY, range(300, 400))
        stage.done("run", "projections", "--once")
        stage.done("seal", NIGHT)
        append(stage, MIDNIGHT + DAY, range(400, 600))
        append(stage, MIDNIGHT, range(290, 299))  # late
        cluster = stage.cluster
        index = night_index(cluster, stage.settings)
        wanted = latest(stage, play(stage, index.all(), "all", stop, state=False), stop)
        second = MIDNIGHT + DAY
        parts = [
            (index.between(second + 350 * SECOND, 2**60), 400),
            (index.between(second + 500 * SECOND, 2**60), 250),
            (index.between(MIDNIGHT + 150 * SECOND, 2**60), 609),
            (offsets(cluster, OBSERVATORY, 450, None), 100),
            (offsets(cluster, OBSERVATORY, 200, None), 200),
        ]
        for number, (window, most) in enumerate(parts):
            replayed = play(stage, window, f"part{number}", stop, state=True)
            assert latest(stage, replayed, stop) == wanted
            assert scanned(caplog) <= most
        cue = second + 480 * SECOND, ("", -1), -1
        stood = before(cluster, Registry(cluster), index.all(), cue)
        assert scanned(caplog) <= 250
        assert max(message.offset() for message in stood) == 480
        made_anew(cluster)
        window = offsets(cluster, OBSERVATORY, 450, None)
        assert latest(stage, play(stage, window, "anew", stop, state=True), stop) == wanted
        assert scanned(caplog) == 450


def scanned(caplog: pytest.LogCaptureFixture) -> int:
    """Return how many records were read for the last state that was looked for, as was logged."""
    said = [record.getMessage() for record in caplog.records]
    return int(re.findall(r"hold; (\d+) were read, from", "\n".join(said))[-1])


def made_anew(cluster: Cluster) -> None:
    """Make the topic anew with the same records: what a seal says of it does not count then."""
    messages = read(cluster, OBSERVATORY)
    topics.delete(cluster, [OBSERVATORY.name])
    topics.ensure(cluster, [OBSERVATORY])
    producer = Producer(cluster)
    for m in messages:
        producer.send(OBSERVATORY.name, m.value(), m.key(), 0, m.timestamp()[1], m.headers() or [])
    producer.flush()


def test_a_service_decides_as_if_it_had_been_there(tmp_path: Path, stop: Stop) -> None:
    with on_stage(tmp_path / "site", silence={"after": 5.0}) as stage:
        cluster = stage.cluster
        serve(stage, cluster, stop)
        telescope = Telescope(cluster)
        for system in ("pas", "tcs"):
            telescope.speak(system)
        telescope.wait(8)
        telescope.speak("tcs")
        telescope.wait(2)
        begin = telescope.now + 1
        telescope.wait(6)
        telescope.speak("pas")
        telescope.fall_silent()
        (_, end) = whole(cluster, [PLACE])[PLACE]
        serve(stage, cluster, stop)
        (_, last) = whole(cluster, [PLACE])[PLACE]
        reported = Window({PLACE: [(1, end)]})
        middle = replace(reported, start=begin, earlier=lambda _: {PLACE: [(0, last)]})
        there = decided(stage, play(stage, reported, "all", stop, state=False), begin, stop)
        part = play(stage, middle, "part", stop, state=True)
        assert decided(stage, part, begin, stop) == there
        assert [type(event).__name__ for _, event in there] == [
            "SystemFellSilent",
            "NoticeRequested",
            "SystemSpokeAgain",
            "SystemSpokeAgain",
            "SystemFellSilent",
            "NoticeRequested",
            "SystemFellSilent",
            "NoticeRequested",
        ]
        without = play(stage, middle, "without", stop, state=False)
        assert decided(stage, without, begin, stop) != there
        stood = [record for record in observatory(part) if record.standing]
        kinds = sorted(type(record.event).__name__ for record in stood)
        assert kinds == [
            "SettingsTookEffect",
            "SystemFellSilent",
            "SystemSpokeAgain",
            "TcsEvent",
            "TcsEvent",
        ]
        assert {record.provenance.replay for record in stood} == {"part"}


def serve(stage: Stage, cluster: Cluster, stop: Stop) -> None:
    """Let the service handle what is on the log."""
    database = open_database(stage.settings)
    seats = SeatStore(database, cluster.namespace)
    seats.create()
    cast = roles.cast("silence", stage.settings)
    Server(cluster, Registry(cluster), seats, cast).once(stop)
    database.close()


def decided(stage: Stage, cluster: Cluster, begin: int, stop: Stop) -> list[tuple[object, object]]:
    """Let the service decide about all of a replay; return what it decided from `begin` on."""
    place = (OBSERVATORY.full_name(cluster.namespace), 0)
    real = topics.describe(cluster, [place[0]])[place[0]]
    database = open_database(stage.settings)
    seats = SeatStore(database, cluster.namespace)
    seats.create()
    seats.take("silence", place, real.id, 0)  # it was there before the replay
    database.close()
    serve(stage, cluster, stop)
    return [(record.id, record.event) for record in observatory(cluster) if counts(record, begin)]


def counts(record: AnyRecord, begin: int) -> bool:
    return record.provenance.cause is not None and not record.standing and record.time >= begin


def test_the_command_sends_and_marks_it_where_a_window_begins_in_the_middle(
    tmp_path: Path,
) -> None:
    with on_stage(tmp_path / "site") as stage:
        append(stage, MIDNIGHT, range(60))
        begin = ("--from", "2026-11-21T00:00:30Z", "--speed", "max", "--id")
        said = stage.done("replay", *begin, "part")
        assert said.startswith("Replayed 29 records")
        shown = stage.done("--namespace", "replay.part.", "tail", "observatory", "--from-start")
        lines = shown.splitlines()
        stood = [line for line in lines if "  replay=part  standing  " in line]
        assert stood == lines[: len(stood)]
        assert len(lines) - len(stood) == 29
        assert len(stood) >= 3
        stage.done("replay", *begin, "bare", "--no-state")
        stage.done("replay", "--night", NIGHT, "--speed", "max", "--id", "night")
        assert len(read(seen_by(stage.cluster, "bare"), OBSERVATORY)) == 29
        assert len(read(seen_by(stage.cluster, "night"), OBSERVATORY)) == 60
