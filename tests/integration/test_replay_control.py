"""A replay that is controlled while it runs: by its control topic, from another thread."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import accumulate
from math import inf
from threading import Thread
from time import monotonic
from typing import Any

import pytest

from infra import clock, windows
from infra.log import topics
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.errors import LogUnavailable
from infra.log.reading import Message
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.replay.asking import NoAnswer, Refused, ReplayOver, answer_to, as_json, said
from infra.replay.cue import Cue, cue_of
from infra.replay.event_time import EventTimes
from infra.replay.feed import Feed
from infra.replay.inviting import CLOSED
from infra.replay.listeners import CalledOff
from infra.replay.outcome import NoSuchReplay
from infra.replay.parts import Part
from infra.replay.player import Player, Standing
from infra.replay.report import Report
from infra.replay.request import Request
from infra.signals import Stop
from infra.windows import NightIndex
from schemas.events.replays import (
    ReplayControlled,
    ReplayControlRequested,
    ReplayFinished,
    ServicesInvited,
)
from schemas.events.ticks import TimePassed
from schemas.nights import Nights
from schemas.repeats import Repeats
from schemas.topics import OBSERVATORY, RECORDED, REPLAY_CONTROL
from schemas.utc import iso
from tests.integration.replay_log import DAY, MIDNIGHT, id_of, publish, read, send_foreign
from tests.waiting import until

WAIT_S = 60
STEP = 1_000_000


def index_of(cluster: Cluster) -> NightIndex:
    return windows.read_index(cluster, Nights(), RECORDED)


def nothing(_part: Part, _cue: Cue | None) -> list[Message]:
    """Say that nothing stands anywhere, so that what was sought is told by itself."""
    return []


class Running:
    """A replay that runs in a thread of its own."""

    def __init__(self, cluster: Cluster, request: Request, standing: Standing = nothing) -> None:
        self._cluster, self.replay, self.stop = cluster, request.replay, Stop()
        self._player = Player(cluster, request, self.stop, standing=standing)
        self._ended: list[Report | BaseException] = []
        self._thread = Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._ended.append(self._player.run())
        except Exception as fault:  # noqa: BLE001 the test's own thread tells it
            self._ended.append(fault)

    def tell(self, command: str) -> ReplayControlled:
        """Ask for something, as soon as the replay has its topics."""
        deadline = monotonic() + WAIT_S
        while True:
            try:
                return answer_to(self._cluster, self.replay, command, WAIT_S)
            except NoSuchReplay:
                assert monotonic() < deadline
                assert self._thread.is_alive(), self._ended

    def until(self, holds: Callable[[ReplayControlled], bool]) -> ReplayControlled:
        """Ask for its state until that is as wanted."""
        deadline = monotonic() + WAIT_S
        while not holds(state := self.tell("status")):
            assert monotonic() < deadline, state
        return state

    def report(self) -> Report:
        """Wait for its end."""
        ended = self.end()
        assert isinstance(ended, Report), ended
        return ended

    def end(self) -> BaseException | Report:
        """Wait for its end, and return what it ended with."""
        self._thread.join(WAIT_S)
        self.stop.close()
        (ended,) = self._ended
        return ended

    @property
    def played(self) -> list[int]:
        """The numbers of the records that it has carried."""
        ids = {id_of(m): m.offset() for m in read(self._cluster, OBSERVATORY)}
        return [ids[id_of(m)] for m in read(self.target, OBSERVATORY)]

    @property
    def target(self) -> Cluster:
        return self._cluster.in_namespace(f"{self._cluster.namespace}replay.{self.replay}.")


def test_a_lesson_in_a_night(cluster: Cluster) -> None:
    """Events 1 s apart, played at a speed at which nothing would come by itself."""
    publish(cluster, range(MIDNIGHT, MIDNIGHT + 100 * STEP, STEP))
    run = Running(cluster, Request([index_of(cluster).all()], 0.001, "lesson", paused=True))

    first = run.tell("status")
    assert (first.paused, first.records, first.position) == (True, 0, MIDNIGHT)
    assert run.tell("step").records == 1
    stands = run.tell("burst 10")
    assert (stands.records, stands.position, stands.paused) == (11, MIDNIGHT + 10 * STEP, True)

    moved = run.tell(f"seek {iso(MIDNIGHT + 50 * STEP)}")
    assert (moved.position, moved.paused) == (MIDNIGHT + 50 * STEP, True)
    assert run.tell("burst 2").records == 13
    run.tell("seek -45s")
    assert run.tell("burst 5").records == 18
    run.tell("seek -1h")  # no further than to the beginning
    assert run.tell("step").records == 19

    stands = run.tell("status")
    for outside in (f"seek {iso(MIDNIGHT - 1)}", "seek +1h", f"seek {iso(MIDNIGHT + DAY)}"):
        with pytest.raises(Refused, match="is outside of what is played: the whole log has"):
            run.tell(outside)
    with pytest.raises(Refused, match="is not ahead: the replay is at"):
        run.tell(f"until {iso(MIDNIGHT)}")
    assert run.tell("status").position == stands.position

    run.tell("speed max")
    goes = run.tell(f"until {iso(MIDNIGHT + 20 * STEP)}")
    assert not goes.paused
    assert "plays at" in said(goes)
    there = run.until(lambda state: state.paused)
    assert (there.position, as_json(there)["speed"]) == (MIDNIGHT + 20 * STEP, "max")
    run.tell("resume")
    report = run.report()

    wanted = [*range(11), 50, 51, *range(6, 11), 0, *range(1, 100)]
    assert run.played == wanted
    assert (report.records, report.missed, report.out_of_order) == (len(wanted), 0, 0)
    assert (report.complete, report.requested_speed) == (True, 0.001)
    with pytest.raises(ReplayOver, match="The replay lesson is over"):
        run.tell("pause")

    decoder, repeats = Decoder(Registry(cluster)), Repeats()
    records = [decoder.record(message) for message in read(run.target, OBSERVATORY)]
    news = [record for record in records if not repeats.has(record)]
    assert len(news) == 61  # 0 to 10, and from 50 on: what was left out stays out
    account: list[Any] = [decoder.record(m).event for m in read(run.target, REPLAY_CONTROL)]
    asked = [event for event in account if isinstance(event, ReplayControlRequested)]
    answers = [event for event in account if isinstance(event, ReplayControlled)]
    assert [event.request for event in answers] == [event.request for event in asked]
    assert isinstance(account[-1], ReplayFinished)
    assert account[-1].controls == report.controls > 10


def test_what_is_asked_for_during_a_burst_is_done_after_it(cluster: Cluster) -> None:
    publish(cluster, range(MIDNIGHT, MIDNIGHT + 3_000 * STEP, STEP))
    run = Running(cluster, Request([index_of(cluster).all()], 1.0, "burst", paused=True))
    run.tell("status")
    asked = Publisher(run.target, Registry(cluster), REPLAY_CONTROL, "asked")
    for command in ("burst 1000", "burst 1000", "seek -30m", "step"):
        asked.publish(ReplayControlRequested(clock.utc_micros(), "burst", command, command))
    asked.flush()
    run.until(lambda state: state.records == 2_001)
    run.tell("stop")
    run.report()
    assert run.played == [*range(2_000), 199]


def test_a_pause_is_the_last_word_on_what_waits_for_a_burst(cluster: Cluster) -> None:
    publish(cluster, range(MIDNIGHT, MIDNIGHT + 3_000 * STEP, STEP))
    run = Running(cluster, Request([index_of(cluster).all()], 1.0, "paused", paused=True))
    run.tell("status")
    asked = Publisher(run.target, Registry(cluster), REPLAY_CONTROL, "asked")
    for command in ("burst 2900", "resume", "pause"):
        asked.publish(ReplayControlRequested(clock.utc_micros(), "paused", command, command))
    asked.flush()
    decoder = Decoder(Registry(cluster))

    def answered() -> bool:
        events = [decoder.record(m).event for m in read(run.target, REPLAY_CONTROL)]
        named = {event.request for event in events if isinstance(event, ReplayControlled)}
        return {"burst 2900", "resume", "pause"} <= named

    until(answered)
    assert run.tell("status").paused
    run.tell("stop")
    run.report()


def test_one_that_waits_for_listeners_can_be_stopped(cluster: Cluster) -> None:
    publish(cluster, [MIDNIGHT])
    window, listeners = index_of(cluster).all(), ["nobody"]
    run = Running(cluster, Request([window], 1.0, "waits", listeners=listeners, timeout=WAIT_S))
    with pytest.raises(Refused, match="it waits for nobody to listen, and has not begun"):
        run.tell("seek +1h")
    with suppress(ReplayOver, LogUnavailable):  # topics may go before the answer is read
        run.tell("stop")
    assert isinstance(run.end(), CalledOff)
    assert not [name for name in topics.existing(cluster) if ".waits." in name]


def test_a_replay_that_runs_is_paused_hurried_and_stopped(cluster: Cluster) -> None:
    publish(cluster, range(MIDNIGHT, MIDNIGHT + 3_600 * STEP, STEP))
    run = Running(cluster, Request([index_of(cluster).all()], 60.0, "hurry"))
    run.until(lambda state: state.records > 5)
    run.tell("pause")
    one, other = run.tell("status"), run.tell("status")
    assert (one.records, one.position) == (other.records, other.position)
    run.tell("speed 200")
    assert run.tell("toggle").paused is False
    run.until(lambda state: state.records > one.records + 100)
    run.tell("speed max")
    report = run.report()
    assert run.played == [*range(3_600)]
    assert report.lateness_p50 is not None  # of what had deadlines

    run = Running(cluster, Request([index_of(cluster).all()], 60.0, "stopped"))
    run.until(lambda state: state.records > 5)
    run.tell("stop")
    assert not run.report().complete
    assert run.stop.exit_code == 130


def test_what_is_no_command_is_answered_and_a_dead_replay_is_told(cluster: Cluster) -> None:
    publish(cluster, [MIDNIGHT, MIDNIGHT + STEP])
    run = Running(cluster, Request([index_of(cluster).all()], 1.0, "odd", paused=True))
    with pytest.raises(Refused, match="'dance' is no command to a replay"):
        run.tell("dance")
    run.tell("stop")
    run.report()
    topics.ensure(cluster.in_namespace(f"{cluster.namespace}replay.dead."), [REPLAY_CONTROL])
    with pytest.raises(NoAnswer, match=r"gave no answer within 0.2 s"):
        answer_to(cluster, "dead", "pause", 0.2)
    with pytest.raises(NoSuchReplay, match="There is no replay never"):
        answer_to(cluster, "never", "pause", 0.2)


@contextmanager
def full_collections() -> Iterator[list[str]]:
    """Give what grows by one with each full collection of garbage."""
    counted: list[str] = []

    def count(phase: str, about: dict[str, int]) -> None:
        if phase == "start" and about["generation"] == 2:
            counted.append(phase)

    gc.callbacks.append(count)
    try:
        yield counted
    finally:
        gc.callbacks.remove(count)


def test_another_lap_has_the_same_records(cluster: Cluster) -> None:
    publish(cluster, range(MIDNIGHT, MIDNIGHT + 5 * STEP, STEP))
    with full_collections() as counted:
        run = Running(cluster, Request([index_of(cluster).all()], inf, "laps", loop=True))
        run.until(lambda state: state.records >= 100)
        run.tell("stop")
        report = run.report()
    assert len(counted) < report.records / 5  # a lap is not held up by one
    assert run.played[:20] == [*range(5)] * 4
    assert len(run.played) == report.records


def test_a_seek_leads_to_another_of_several_nights(cluster: Cluster) -> None:
    publish(cluster, [t + day for t in range(MIDNIGHT, MIDNIGHT + 4) for day in (0, DAY)])
    index = index_of(cluster)
    nights = [index.night("2026-11-21"), index.night("2026-11-22")]
    run = Running(cluster, Request(nights, inf, "nights", paused=True))
    run.tell(f"seek {iso(MIDNIGHT + DAY + 2)}")
    run.tell("step")
    run.until(lambda state: state.records == 1)
    run.tell(f"seek {iso(MIDNIGHT)}")
    run.tell("resume")
    run.report()
    assert run.played == [5, 0, 2, 4, 6, 1, 3, 5, 7]


def test_nothing_is_sought_in_a_closed_loop(cluster: Cluster) -> None:
    publish(cluster, [MIDNIGHT, MIDNIGHT + STEP])
    invited = ServicesInvited(MIDNIGHT, "looped", ["orchestrator"], CLOSED, "recorded", [])
    wanted = Request([index_of(cluster).all()], 1.0, "looped", paused=True, invited=invited)
    run = Running(cluster, wanted)
    with pytest.raises(Refused, match="nothing is sought in it"):
        run.tell(f"seek {iso(MIDNIGHT)}")
    run.tell("speed max")
    run.tell("resume")
    assert run.report().complete


def test_what_stands_at_a_place_goes_out_in_front_of_it(cluster: Cluster) -> None:
    publish(cluster, range(MIDNIGHT, MIDNIGHT + 5 * STEP, STEP))
    first, asked = read(cluster, OBSERVATORY)[:1], list[Cue | None]()

    def standing(_part: Part, cue: Cue | None) -> list[Message]:
        asked.append(cue)
        return first if cue is not None else []

    request = Request([index_of(cluster).all()], inf, "stands", paused=True)
    run = Running(cluster, request, standing)
    run.tell(f"seek {iso(MIDNIGHT + 3 * STEP)}")
    run.tell("resume")
    assert run.report().records == 2
    assert run.played == [0, 3, 4]
    assert asked == [Cue(MIDNIGHT + 3 * STEP)]


def test_gaps_are_shortened_and_a_duration_ends_it(cluster: Cluster) -> None:
    hours = [0, 3_600, 7_200, 7_201, 10_800]
    publish(cluster, [MIDNIGHT + hour * STEP for hour in hours])
    parts = [index_of(cluster).all()]
    asked = Request(parts, 1.0, "gaps", longest_gap=400_000, duration=7_201 * STEP)
    run = Running(cluster, asked)
    report = run.report()
    assert run.played == [0, 1, 2]
    assert 0.8 <= report.duration < 30
    assert 0 < report.achieved_speed < 1.1  # what was left out does not count


def test_a_clock_that_ticks_in_a_gap_makes_it_no_shorter(cluster: Cluster) -> None:
    publish(cluster, [MIDNIGHT])
    ticks = Publisher(cluster, Registry(cluster), OBSERVATORY, "ticks")
    for second in range(1, 900):
        ticks.publish(TimePassed(MIDNIGHT + second * STEP))
    ticks.flush()
    publish(cluster, [MIDNIGHT + 900 * STEP, MIDNIGHT + 900 * STEP + 1], source="later")
    run = Running(cluster, Request([index_of(cluster).all()], 1.0, "ticks", longest_gap=400_000))
    report = run.report()  # in less than the six minutes that the ticks would take one by one
    assert run.played == [*range(902)]
    assert report.duration >= 0.4


def test_laps_of_one_moment_do_not_fill_the_log(cluster: Cluster) -> None:
    publish(cluster, [MIDNIGHT] * 3)
    began = monotonic()
    run = Running(cluster, Request([index_of(cluster).all()], 1.0, "moment", loop=True))
    run.until(lambda state: state.records >= 6)
    assert monotonic() - began >= 1.0
    run.tell("stop")
    run.report()
    assert run.played[:6] == [0, 1, 2] * 2


def two_nights(cluster: Cluster) -> None:
    steps = [0, 3, 1, 7, 7, 5, 20, 12, 30, 29]
    first = [MIDNIGHT + step * 1_001 for step in steps]
    publish(cluster, [time + day for time in first for day in (DAY, 0)])
    send_foreign(
        cluster,
        [
            (partition, (MIDNIGHT + night * DAY) // 1000 + step, b"alert %d" % step)
            for step in range(40)
            for partition in (step % 3, 3)
            for night in (0, 1)
        ],
    )


def test_what_comes_after_a_seek_is_the_rest_of_the_order(cluster: Cluster) -> None:
    """The other night's records stand in front, so that the log's time index names them first."""
    two_nights(cluster)
    times = EventTimes(Registry(cluster).decoder)
    window = index_of(cluster).night("2026-11-21")

    def order(since: Cue | None = None, end: Cue | None = None) -> list[Cue]:
        with Feed(cluster, window, times, lambda: False, since=since, end=end) as feed:
            return [cue_of(*due) for due in feed.timed()]

    whole = order()
    assert len(whole) == 10 + 80
    for since in (0, *(MIDNIGHT + later for later in (0, 7_007, 12_000, 39_000, DAY))):
        assert order(Cue(since)) == [cue for cue in whole if cue.time >= since]
        assert order(end=Cue(since)) == [cue for cue in whole if cue.time < since]
    for number in (0, 17, 50, len(whole) - 1):
        assert order(whole[number]) == whole[number:]
        assert order(end=whole[number]) == whole[:number]
    assert [cue.time for cue in whole] == [*accumulate((cue.time for cue in whole), max)]


def test_requests_of_before_the_first_record_are_heard(cluster: Cluster) -> None:
    """What is asked for while the replay gets ready is done when it begins."""
    publish(cluster, [MIDNIGHT, MIDNIGHT + STEP])
    run = Running(cluster, Request([index_of(cluster).all()], 1.0, "early", paused=True))
    deadline = monotonic() + WAIT_S
    while REPLAY_CONTROL.full_name(run.target.namespace) not in topics.existing(cluster):
        assert monotonic() < deadline
    early = Publisher(run.target, Registry(cluster), REPLAY_CONTROL, "early")
    early.publish(ReplayControlRequested(clock.utc_micros(), "early", "1", "stop"))
    early.flush()
    assert not run.report().complete
