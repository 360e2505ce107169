"""What a replay is made of: recordings, choices, names, events to begin at, holes, listeners."""

import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from typer.testing import CliRunner, Result

from infra.broker import control
from infra.cli import app
from infra.importing import EventTooLarge, import_recording
from infra.indexing import night_index
from infra.log import topics
from infra.log.cluster import Cluster, connect
from infra.log.decoding import Decoder
from infra.log.registry import Registry
from infra.replay.choosing import Choice
from infra.replay.finding import NoSuchEvent, NotAnEvent
from infra.replay.holes import WindowHasHoles
from infra.replay.listeners import CalledOff, ListenersMissing, await_listeners
from infra.replay.player import Player
from infra.replay.preparing import Preparing, Wish
from infra.replay.recording import NothingWanted, SortBy, UnknownOrder
from infra.replay.remapping import NotARemap, Remap
from infra.replay.report import Report
from infra.replay.request import Request
from infra.replay.selection import Selection
from infra.settings import Settings
from infra.signals import Stop
from infra.windows import EmptyWindow
from producers import Entry
from producers.formats import open_recording, writer_for
from schemas.errors import EvctlError
from schemas.events.tcs import TcsEvent
from schemas.record import STANDING
from schemas.repeats import Repeats
from schemas.topics import ALERTS, OBSERVATORY, REPLAY_CONTROL
from tests.integration.replay_log import (
    MIDNIGHT,
    carried,
    id_of,
    publish,
    read,
    send_foreign,
    tcs,
)

ALL = Selection(everything=True)
SECOND = 1_000_000


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A site with a log for all tests of this module."""
    directory: Path = tmp_path_factory.mktemp("log")
    try:
        yield Settings.model_validate({"log": {"data_dir": str(directory / "log")}})
    finally:
        control.stop(directory / "log")


@pytest.fixture
def cluster(site: Settings, request: pytest.FixtureRequest) -> Cluster:
    """The log, seen with a namespace that only this test has."""
    return connect(site).in_namespace(f"{request.node.name.partition('[')[0][-60:]}.")


@pytest.fixture
def stop() -> Iterator[Stop]:
    """A wish to end that nobody has yet."""
    stop = Stop()
    yield stop
    stop.close()


class Theatre:
    """Replays of a log by wishes, as the command has them."""

    def __init__(self, cluster: Cluster, site: Settings, stop: Stop) -> None:
        self.cluster, self.site, self.stop = cluster, site, stop

    def play(self, wish: Wish, replay: str, speed: float = inf, **how: Any) -> Report:
        preparing = Preparing(self.cluster, self.site, self.stop, no_bar)
        request = preparing.request(wish, Request((), speed, replay, **how))
        return Player(self.cluster, request, self.stop).run()

    def target(self, replay: str) -> Cluster:
        return self.cluster.in_namespace(f"{self.cluster.namespace}replay.{replay}.")

    def keys(self, replay: str) -> list[str]:
        return [(m.key() or b"").decode() for m in read(self.target(replay), OBSERVATORY)]


class no_bar:  # noqa: N801 it stands for a function
    """Shows nothing."""

    def __init__(self, _what: str, _total: int | None) -> None: ...

    def __enter__(self) -> Any:
        return lambda _: None

    def __exit__(self, *_: object) -> None: ...


@pytest.fixture
def theatre(cluster: Cluster, site: Settings, stop: Stop) -> Theatre:
    return Theatre(cluster, site, stop)


# Recordings


def record(path: Path, format_: str, delays: list[int]) -> Path:
    """Write a recording: events 1 s apart, each sent so many µs after it was made."""
    with writer_for(format_)(path) as writer:
        for number, delay in enumerate(delays):
            event = tcs(MIDNIGHT + number * SECOND, f"k{number % 3}")
            event = replace(event, wire_time=event.data_time + delay)
            writer.add(Entry(event, None, number))
    return path


@pytest.mark.parametrize("format_", ["sqlite", "jsonl"])
def test_a_recording_is_played_as_an_import_would_write_it(
    theatre: Theatre, tmp_path: Path, format_: str
) -> None:
    theatre.cluster = cluster = theatre.cluster.in_namespace(
        f"{theatre.cluster.namespace}{format_}."
    )
    recording = open_recording(record(tmp_path / "night", format_, [900] * 50))
    report = theatre.play(Wish(Selection(files=1), [recording]), "file")
    played = read(theatre.target("file"), OBSERVATORY)
    assert not [n for n in topics.existing(cluster) if n == f"{cluster.namespace}observatory"]
    index = night_index(cluster, theatre.site)
    import_recording(cluster, Registry(cluster), index, recording, theatre.stop, lambda _: None)
    imported = read(cluster, OBSERVATORY)
    assert carried(played) == carried(imported)
    assert [dict(m.headers() or ())["src"] for m in played] == [
        dict(m.headers() or ())["src"] for m in imported
    ]
    assert (report.records, report.missed, report.windows) == (50, 0, ["the recording night"])


def test_a_recording_is_sorted_by_the_time_that_is_asked_for(
    theatre: Theatre, tmp_path: Path
) -> None:
    """Event 1 was sent late: behind 2 and 3; readers get all, under the ids that they have."""
    recording = open_recording(record(tmp_path / "night", "jsonl", [0, 2_500_000, 0, 0, 0]))

    def played(sort: SortBy | None) -> list[int]:
        name = str(sort)
        theatre.play(Wish(Selection(files=1), [recording], sort), name)
        messages = read(theatre.target(name), OBSERVATORY)
        records = [*map(Decoder(Registry(theatre.cluster)).record, messages)]
        repeats = Repeats()
        assert not any(repeats.has(record) for record in records)
        ids.append({id_of(message) for message in messages})
        return [(record.time - MIDNIGHT) // SECOND for record in records]

    ids: list[set[Any]] = []
    assert played(None) == [0, 2, 3, 1, 4]
    assert played(SortBy.of("__wire_time")) == [0, 2, 3, 1, 4]
    assert played(SortBy.of("__data_time")) == played(SortBy.of("none")) == [0, 1, 2, 3, 4]
    assert ids[0] == ids[1] == ids[2] == ids[3]
    with pytest.raises(UnknownOrder, match="known: none, data-time, wire-time"):
        SortBy.of("time")


def test_a_sorted_window_of_the_log_says_what_it_is(theatre: Theatre) -> None:
    publish(theatre.cluster, [MIDNIGHT + step for step in (0, 3, 1, 2)])
    preparing = Preparing(theatre.cluster, theatre.site, theatre.stop, no_bar)
    wish = Wish(ALL, sort=SortBy.DATA_TIME)
    request = preparing.request(wish, Request((), inf, "sorted"))
    (note,) = preparing.notes(wish, request)
    assert "is not in the log's order, but by data-time" in note
    Player(theatre.cluster, request, theatre.stop).run()
    there = read(theatre.cluster, OBSERVATORY)
    played = read(theatre.target("sorted"), OBSERVATORY)
    assert [id_of(m) for m in played] == [id_of(there[n]) for n in (0, 2, 3, 1)]


def test_a_part_of_a_recording(theatre: Theatre, tmp_path: Path) -> None:
    recording = open_recording(record(tmp_path / "night", "jsonl", [0] * 30))
    start, end = MIDNIGHT + 5 * SECOND, MIDNIGHT + 25 * SECOND
    part = Selection(files=1, start=start, end=end, choice=Choice(("*.k1",)))
    wish = Wish(part, [recording], start="tcs.tracker.k1 y=-0.25")
    theatre.play(wish, "part", duration=10 * SECOND)
    assert theatre.keys("part") == ["tcs.tracker.k1"] * 4  # 7, 10, 13 and 16
    with pytest.raises(NothingWanted, match="the recording night has 30 events, and none that"):
        theatre.play(Wish(Selection(files=1, choice=Choice(("a.b.c",))), [recording]), "none")


def test_what_holds_where_a_tape_begins_comes_first(theatre: Theatre, tmp_path: Path) -> None:
    """A recording's earlier events, as the log's, though they are no part of what is played."""
    recording = open_recording(record(tmp_path / "night", "jsonl", [0, 3 * SECOND, *[0] * 8]))
    publish(theatre.cluster, (MIDNIGHT + n * SECOND for n in range(10)))
    part = Selection(start=MIDNIGHT + 5 * SECOND, choice=Choice(("*.k1", "*.k2")))
    remap = Remap(["tcs.tracker.k1=sim.dome.k9"])
    of_file = Wish(replace(part, files=1), [recording], remap=remap)
    of_log = Wish(part, remap=remap)
    for number, wish in enumerate((of_file, of_log, replace(of_log, sort=SortBy.DATA_TIME))):
        report = theatre.play(wish, f"stood{number}", state=True)
        assert report.records == 3
        played = read(theatre.target(f"stood{number}"), OBSERVATORY)
        stood = [m.key() for m in played if STANDING in (m.headers() or ())]
        assert sorted(map(str, stood)) == ["b'sim.dome.k9'", "b'tcs.tracker.k2'"]
        assert len(played) == 3 + 2
        records = [Decoder(Registry(theatre.cluster)).record(m) for m in played]
        repeats = Repeats()
        assert [record for record in records if repeats.has(record)] == []


def test_large_events_are_played_and_too_large_ones_are_named(
    theatre: Theatre, tmp_path: Path
) -> None:
    def recorded(size: int) -> Wish:
        path = tmp_path / f"{size}.jsonl"
        with writer_for("jsonl")(path) as writer:
            writer.add(Entry(replace(tcs(MIDNIGHT), values={"text": "x" * size}), None, 0))
        return Wish(Selection(files=1), [open_recording(path)])

    theatre.play(recorded(1_000_000), "large", 1.0)
    (message,) = read(theatre.target("large"), OBSERVATORY)
    assert len(message) > 1_000_000
    with pytest.raises(EventTooLarge, match=r"5000000.jsonl:1: the event tcs.tracker.position has"):
        theatre.play(recorded(5_000_000), "too-large")


# Choices and other names


def test_topics_and_events_are_chosen_and_renamed(theatre: Theatre) -> None:
    publish(theatre.cluster, range(MIDNIGHT, MIDNIGHT + 6))
    send_foreign(theatre.cluster, [(1, MIDNIGHT // 1000, b"alert")])
    choice = Choice(("*.k1", "*.k2", "alerts"), ("re:k2$",))
    remap = Remap(["tcs.tracker.k1=sim.tracker.first", "alerts=packets"])
    wish = Wish(replace(ALL, choice=choice), remap=remap)
    report = theatre.play(wish, "some")
    target = theatre.target("some")
    assert (report.records, report.missed) == (3, 0)
    assert theatre.keys("some") == ["sim.tracker.first"] * 2
    records = [*map(Decoder(Registry(theatre.cluster)).record, read(target, OBSERVATORY))]
    events = [record.event for record in records]
    assert all(isinstance(event, TcsEvent) and event.system == "sim" for event in events)
    originals = read(theatre.cluster, OBSERVATORY)
    assert [record.id for record in records] == [id_of(originals[n]) for n in (1, 4)]
    packets = replace(ALERTS, name="packets")
    assert [m.value() for m in read(target, packets)] == [b"alert"]


@pytest.mark.parametrize("text", ["", "a.b.c", "a.b.c=", "a.b.c=d.e", "alerts=a b", "alerts=seals"])
def test_a_remap_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(NotARemap, match="write OLD=NEW") as fault:
        Remap([text])
    assert fault.value.exit_code == 2


# Events to begin and end at


def test_it_begins_and_ends_at_events(theatre: Theatre) -> None:
    publish(theatre.cluster, [MIDNIGHT + n // 2 for n in range(10)])
    play = partial(theatre.play, Wish(ALL, start="tcs.tracker.k1", end="tcs.tracker.k0"))
    assert play("k").records == 2
    assert theatre.keys("k") == ["tcs.tracker.k1", "tcs.tracker.k2"]
    z = (MIDNIGHT + 3) / 7  # a value of the event
    assert theatre.play(Wish(ALL, start=f"TcsEvent z={z}"), "value").records == 4
    assert theatre.play(Wish(ALL, start="tcs.tracker.k1 more_data=false"), "bool").records == 9
    for wanted in ("tcs.tracker.k9", "tcs.tracker.k1 x=0.75", "NoticeRequested"):
        with pytest.raises(NoSuchEvent, match=r"There is no event .* in the whole log"):
            theatre.play(Wish(ALL, start=wanted), "none")
    for text in ("", "tcs.tracker.k1 x", "'"):
        with pytest.raises(NotAnEvent, match="names no event"):
            theatre.play(Wish(ALL, end=text), "none")


# Holes


def test_what_the_log_has_lost_is_named(theatre: Theatre) -> None:
    publish(theatre.cluster, range(MIDNIGHT, MIDNIGHT + 20))
    name = OBSERVATORY.full_name(theatre.cluster.namespace)
    asked = theatre.cluster.admin().delete_records([TopicPartition(name, 0, 8)])
    for future in asked.values():
        future.result()
    wish = Wish(Selection(first=3))
    with pytest.raises(WindowHasHoles, match=rf"has lost {name}\[0\]@3 to 7 ") as fault:
        theatre.play(wish, "whole")
    assert fault.value.exit_code == 65
    report = theatre.play(replace(wish, allow_holes=True), "holes")
    assert (report.records, report.holes) == (12, [f"{name}[0]@3 to 7"])
    with pytest.raises(EmptyWindow, match="nothing of it any more"):
        theatre.play(Wish(Selection(first=3, last=6), allow_holes=True), "nothing")
    assert theatre.play(Wish(ALL), "rest").holes == []


# Listeners


def test_it_waits_for_listeners_and_takes_its_topics_back_if_none_comes(theatre: Theatre) -> None:
    publish(theatre.cluster, [MIDNIGHT])
    with pytest.raises(ListenersMissing, match=r"as projections after 0.2 s") as fault:
        theatre.play(Wish(ALL), "heard", listeners=["projections"], timeout=0.2)
    assert fault.value.exit_code == 69
    target = theatre.target("heard")
    assert not [n for n in topics.existing(target) if n.startswith(target.namespace)]

    impatient = Theatre(theatre.cluster, theatre.site, Stop())

    def stop_once_it_waits() -> None:
        while REPLAY_CONTROL.full_name(target.namespace) not in topics.existing(target):
            pass
        impatient.stop.on_signal(signal.SIGTERM)

    stopping = Thread(target=stop_once_it_waits)
    stopping.start()
    with pytest.raises(CalledOff, match="nothing was played, and the id is free again") as off:
        impatient.play(Wish(ALL), "heard", listeners=["projections"], timeout=60)
    assert off.value.exit_code == 128 + signal.SIGTERM
    stopping.join()
    impatient.stop.close()

    ended: list[Report] = []

    def play() -> None:
        ended.append(theatre.play(Wish(ALL), "heard", listeners=["somebody"], timeout=60))

    thread = Thread(target=play)
    thread.start()
    consumer = target.consumer(group_id="somebody", topic_metadata_refresh_interval_ms=100)
    try:
        consumer.subscribe([f"^{target.namespace}.*observatory"])
        while thread.is_alive():
            with suppress(EvctlError):
                consumer.poll(0.1)
    finally:
        thread.join()
        consumer.close()
    assert ended[0].records == 1
    await_listeners(target, [], 0, theatre.stop, lambda _: None)


# The command


def evctl(site: Settings, *words: str) -> Result:
    overrides = ["--namespace", "command."]
    environ = {"EVCTL_LOG__DATA_DIR": str(site.log.data_dir)}
    return CliRunner().invoke(app, [*overrides, *words], prog_name="evctl", env=environ)


@pytest.fixture(scope="module")
def recorded(site: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with ten events for the commands and a replay that is over, and a recording."""
    publish(connect(site).in_namespace("command."), range(MIDNIGHT, MIDNIGHT + 10))
    assert evctl(site, "replay", "--all", "--speed", "max", "--id", "command").exit_code == 0
    return record(tmp_path_factory.mktemp("files") / "night.jsonl", "jsonl", [0] * 9)


def test_ocd_s_options_do_what_they_did(site: Settings, recorded: Path) -> None:
    words = ["-s", "10000", "-S", "__data_time", "--no-convert-number", "--no-convert-bool"]
    for order in (
        ["-T", "tcs.tracker.k0", "tcs.tracker.k1", *words, str(recorded)],
        [str(recorded), *words, "--topics", "tcs.tracker.k0", "tcs.tracker.k1", "-t", "3"],
        ["-T", "tcs.tracker.k0", "re:k1$", str(recorded), "--speedup", "max"],
    ):
        done = evctl(site, "replay", *order)
        assert (done.exit_code, done.stderr) == (0, "")
        assert done.stdout.startswith("Replayed 6 records in ")


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ("--all --require-lateness soon", 2, "--require-lateness is 'soon', and has to be a len"),
        ("--all --require-lateness 5ms --speed max", 2, "--require-lateness needs deadlines"),
        ("--all --duration -5", 2, "--duration is '-5', and has to be a length of time"),
        ("--all --skip-gaps x", 2, "--skip-gaps is 'x', and has to be a length of time"),
        ("--all -S time", 2, "Nothing is sorted by 'time'; known: none, data-time, wire-time."),
        ("--all --topics re:(", 2, "'re:(' is no regular expression behind re:"),
        ("--all --exclude nothing", 2, "There is no topic 'nothing'; known: observatory"),
        ("--all --remap a.b.c=d", 2, "--remap a.b.c=d has a name that is not of three parts"),
        ("--all --from-event a.b.c", 66, "There is no event a.b.c in the whole log."),
        ("--all --from 2027-01-01 --until 2026-01-01", 2, "The window ends (2026-01-01"),
        ("--night 2026-11-21 --from 2026-11-23", 66, "Nothing on the log lies in the night 2026"),
        ("--all -T a.b.c --speed max", 66, "Nothing on the log lies in the whole log, only a.b.c;"),
        ("--all missing.db", 2, "2 kinds of window are given"),
        ("missing.db", 66, "missing.db does not exist: name the file of a recording."),
        ("--all --no-convert-bool", 2, ""),
        ("--all --id=", 2, "'' can't name a replay: an id has 1 to 64 letters, digits"),
        ("--all --services --duration 5", 2, ""),
        ("--all --services --until-event a.b.c", 2, ""),
        ("--all --id command", 73, "The replay id command is in use: the topic command.replay."),
        ("ctl", 2, ""),
        ("ctl command", 2, ""),
        ("ctl command dance", 2, "'dance' is no command to a replay; known: pause, resume,"),
        ("ctl command seek 2026-13-01", 2, "'2026-13-01' is not an instant"),
        ("ctl command seek -1h", 66, "The replay command is over: there is nothing to control."),
        ("ctl nobody pause", 66, "There is no replay nobody: the topic command.replay.nobody."),
        ("ctl a.b pause", 2, "'a.b' can't name a replay"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(
    site: Settings, recorded: Path, words: str, code: int, sentence: str
) -> None:
    done = evctl(site, "replay", *words.split())
    assert done.exit_code == code, done.stderr
    if sentence:
        assert done.stderr.startswith(f"evctl: {sentence}"), done.stderr
        assert done.stderr.count("\n") == 1


def test_lateness_that_was_required_and_patterns_that_nothing_fits(
    site: Settings, recorded: Path
) -> None:
    words = ["--all", "-T", "*.k1", "*.k7", "--json", "--require-lateness"]
    done = evctl(site, "replay", *words, "1h")
    assert (done.exit_code, done.stderr) == (0, "evctl: note: nothing fitted *.k7\n")
    assert '"lateness_by_topic":{"observatory":{"p50":' in done.stdout
    done = evctl(site, "replay", *words, "0")
    assert done.exit_code == 1
    assert "evctl: Lateness p99 is " in done.stderr
    assert "and --require-lateness allows 0 ms" in done.stderr


def test_no_replay_gets_in_where_other_events_flow(site: Settings, recorded: Path) -> None:
    place = connect(site).in_namespace("command.replay.live.")
    publish(place, [MIDNIGHT])
    before = carried(read(place, OBSERVATORY))
    done = evctl(site, "replay", "--all", "--speed", "max", "--id", "live")
    assert done.exit_code == 73
    assert "The replay id live is in use: the topic command.replay.live." in done.stderr
    assert carried(read(place, OBSERVATORY)) == before
