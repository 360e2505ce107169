"""A window of the log comes out of a replay exactly, in the one order, and nothing else does."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate
from math import inf
from uuid import uuid5

import pytest

from infra import windows
from infra.log import topics
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.reading import Message, SpanReader
from infra.log.registry import Registry
from infra.log.writing import Producer
from infra.namespaces import NotAnId
from infra.replay import crowding
from infra.replay.crowding import Sending
from infra.replay.event_time import EventTimes
from infra.replay.feed import AHEAD_MESSAGES, Feed
from infra.replay.namespace import ReplayIdInUse
from infra.replay.player import Player
from infra.replay.report import Report
from infra.replay.request import Request
from infra.replay.stage import Stage
from infra.signals import Stop
from infra.windows import EmptyWindow, NightIndex, Window
from schemas.nights import Nights
from schemas.record import NAMESPACE
from schemas.topics import ALERTS, OBSERVATORY, RECORDED, REPLAY_CONTROL
from tests.integration.replay_log import (
    DAY,
    MIDNIGHT,
    carried,
    id_of,
    publish,
    read,
    replay_marks,
    send_foreign,
)

FIRST, SECOND = "2026-11-21", "2026-11-22"


@pytest.fixture
def stop() -> Iterator[Stop]:
    """A wish to end that nobody has yet."""
    stop = Stop()
    yield stop
    stop.close()


def play(cluster: Cluster, window: Window, speed: float, replay: str, stop: Stop) -> Report:
    return Player(cluster, Request([window], speed, replay), stop).run()


def index_of(cluster: Cluster) -> NightIndex:
    return windows.read_index(cluster, Nights(), RECORDED)


def two_nights(cluster: Cluster) -> None:
    """Fill a log with two nights that interleave, each with times that go back, and ties."""
    steps = [0, 3, 1, 7, 7, 5, 20, 12, 30, 29]
    first = [MIDNIGHT + step * 1_001 for step in steps]
    publish(cluster, [time + day for time in first for day in (0, DAY)])
    send_foreign(
        cluster,
        [
            (partition, (MIDNIGHT + night * DAY) // 1000 + step, b"alert %d" % step)
            for step in range(40)
            for partition in (step % 3, 3)
            for night in (0, 1)
        ],
    )


@pytest.mark.parametrize("speed", [inf, 1e4, 1.0], ids=["max", "10000x", "1x"])
def test_a_night_comes_out_exactly(cluster: Cluster, stop: Stop, speed: float) -> None:
    cluster = cluster.in_namespace(f"{cluster.namespace}{speed}.")
    two_nights(cluster)
    window = index_of(cluster).night(SECOND)
    report = play(cluster, window, speed, "again", stop)
    target = cluster.in_namespace(report.namespace)
    total = 0
    for topic in RECORDED:
        played = read(target, topic)
        there = [m for m in read(cluster, topic) if m.timestamp()[1] >= (MIDNIGHT + DAY) // 1000]
        assert carried(played) == carried(there)
        assert replay_marks(played) == {b"again"}
        total += len(played)
    assert total == 10 + 80
    assert (report.records, report.complete, report.out_of_order) == (total, True, 0)
    assert report.namespace == f"{cluster.namespace}replay.again."


def test_records_that_come_in_crowds_are_gathered_and_stay_in_order(
    cluster: Cluster, stop: Stop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("_JUDGED_S", 0.05), ("_DENSE", 300), ("_SPARSE", 100)):
        monkeypatch.setattr(crowding, name, value)
    ways, producer_of = list[Sending](), Stage._of

    def noted(stage: Stage, sending: Sending) -> Producer:
        ways.append(sending)
        return producer_of(stage, sending)

    monkeypatch.setattr(Stage, "_of", noted)
    steps = [30_000] * 10 + [250] * 4_000 + [30_000] * 10  # µs: sparse, dense, sparse
    publish(cluster, accumulate(steps, initial=MIDNIGHT))
    report = play(cluster, index_of(cluster).all(), 1.0, "crowds", stop)
    assert ways[:2] == [Sending.ALONE, Sending.IN_CROWDS]
    played = read(cluster.in_namespace(report.namespace), OBSERVATORY)
    assert carried(played) == carried(read(cluster, OBSERVATORY))
    assert (report.records, report.out_of_order) == (len(steps) + 1, 0)


@pytest.mark.parametrize("speed", [inf, 1e9])
def test_a_record_that_was_logged_late_does_not_turn_the_time_back(
    cluster: Cluster, stop: Stop, speed: float
) -> None:
    cluster = cluster.in_namespace(f"{cluster.namespace}{speed}.")
    publish(cluster, [MIDNIGHT + 1_000_000, MIDNIGHT + 9_000_007, MIDNIGHT])
    report = play(cluster, index_of(cluster).all(), speed, "late", stop)
    assert (report.first_time, report.last_time) == (MIDNIGHT + 1_000_000, MIDNIGHT + 9_000_007)
    assert report.achieved_speed > 0


def test_times_are_taken_to_the_microsecond(cluster: Cluster, stop: Stop) -> None:
    publish(cluster, range(MIDNIGHT - 5, MIDNIGHT + 5))
    window = index_of(cluster).between(MIDNIGHT - 2, MIDNIGHT + 3)
    for speed, replay in [(inf, "fast"), (1.0, "paced")]:
        report = play(cluster, window, speed, replay, stop)
        played = read(cluster.in_namespace(report.namespace), OBSERVATORY)
        times = EventTimes(Registry(cluster).decoder)
        assert [times.of(message) for message in played] == [*range(MIDNIGHT - 2, MIDNIGHT + 3)]


def test_a_partition_with_several_ranges_gives_each_once(cluster: Cluster, stop: Stop) -> None:
    publish(cluster, range(MIDNIGHT, MIDNIGHT + 400))
    place = (OBSERVATORY.full_name(cluster.namespace), 0)
    spans = [(0, 3), (5, 6), (10, 200), (250, 400)]
    play(cluster, Window({place: spans}), inf, "ranges", stop)
    played = read(cluster.in_namespace(f"{cluster.namespace}replay.ranges."), OBSERVATORY)
    everything = read(cluster, OBSERVATORY)
    assert carried(played) == carried(m for a, b in spans for m in everything[a:b])


def order_of(messages: list[Message]) -> list[tuple[str, int, int]]:
    return [(m.topic(), m.partition(), m.offset()) for m in messages]


def test_several_topics_come_in_the_one_order(cluster: Cluster, stop: Stop) -> None:
    two_nights(cluster)
    times = EventTimes(Registry(cluster).decoder)
    window = index_of(cluster).all()
    with Feed(cluster, window, times, lambda: False) as feed:
        paced = [message for _, message in feed.timed()]
    with Feed(cluster, window, times, lambda: False) as feed:
        fast = [message for batch in feed.batches() for message in batch]
    wanted = []
    for topic in RECORDED:
        for partition in range(topic.partitions):
            messages = [m for m in read(cluster, topic) if m.partition() == partition]
            merge_times = accumulate((times.of(m) for m in messages), max)
            wanted += [
                (time, m.topic(), m.partition(), m.offset())
                for time, m in zip(merge_times, messages, strict=True)
            ]
    assert order_of(paced) == order_of(fast) == [place[1:] for place in sorted(wanted)]


def test_a_partition_far_ahead_waits_for_the_others(cluster: Cluster) -> None:
    many = 3 * AHEAD_MESSAGES
    publish(cluster, range(MIDNIGHT, MIDNIGHT + many))
    send_foreign(cluster, [(1, (MIDNIGHT + many) // 1000 + 1, b"the last")])
    window = index_of(cluster).all()
    with Feed(cluster, window, EventTimes(Registry(cluster).decoder), lambda: False) as feed:
        messages = feed.timed()
        offsets, most = [], 0
        for _, message in messages:
            offsets.append(
                (message.topic() == ALERTS.full_name(cluster.namespace), message.offset())
            )
            most = max(most, feed.waiting)
    assert offsets == [*((False, n) for n in range(many)), (True, 0)]
    assert most <= AHEAD_MESSAGES


class Patient(SpanReader):
    """A reader for which something has always come already; it counts who had to wait for it."""

    waits = 0

    def take(self, most: int, timeout: float = 0.1) -> list[Message]:
        type(self).waits += timeout > 0
        return super().take(most, max(timeout, 60.0))


def test_partitions_are_read_ahead_where_records_leave_no_time_for_it(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = 20_000
    publish(cluster, range(MIDNIGHT, MIDNIGHT + 1000 * events, 1000))
    start = MIDNIGHT // 1000
    send_foreign(cluster, [(n % 3, start + n, b"alert") for n in range(events)])
    monkeypatch.setattr("infra.replay.feed.SpanReader", Patient)
    window = index_of(cluster).all()
    with Feed(cluster, window, EventTimes(Registry(cluster).decoder), lambda: False) as feed:
        while feed.waiting < events:
            assert feed.read_ahead()
        assert sum(1 for _ in feed.timed()) == 2 * events
    assert Patient.waits <= 2  # of 80 sips, were they taken only where a partition has run dry


def test_a_replay_of_a_replay_is_a_replay(cluster: Cluster, stop: Stop) -> None:
    two_nights(cluster)
    first = play(cluster, index_of(cluster).all(), inf, "one", stop)
    inner = cluster.in_namespace(first.namespace)
    second = play(inner, index_of(inner).all(), inf, "two", stop)
    assert second.namespace == f"{cluster.namespace}replay.one.replay.two."
    for topic in RECORDED:
        played = read(cluster.in_namespace(second.namespace), topic)
        assert carried(played) == carried(read(cluster, topic))
        assert replay_marks(played) == {b"two"}


def test_several_nights_play_one_after_the_other(cluster: Cluster, stop: Stop) -> None:
    two_nights(cluster)
    index = index_of(cluster)
    nights = [index.night(FIRST), index.night(SECOND)]
    report = Player(cluster, Request(nights, 1.0, "both"), stop).run()
    played = read(cluster.in_namespace(report.namespace), OBSERVATORY)
    there = read(cluster, OBSERVATORY)
    assert [id_of(m) for m in played] == [id_of(m) for m in [*there[::2], *there[1::2]]]
    assert report.duration < 60  # the day between them is not waited for
    assert 0 < report.achieved_speed < 1.1  # nor does it count


def test_what_it_did_is_on_the_log(cluster: Cluster, stop: Stop) -> None:
    two_nights(cluster)
    report = play(cluster, index_of(cluster).night(FIRST), 10.0, "told", stop)
    target = cluster.in_namespace(report.namespace)
    decoder = Decoder(Registry(cluster))
    records = [decoder.record(message) for message in read(target, REPLAY_CONTROL)]
    started, finished = (record.event for record in records)
    assert (started.replay, started.window) == ("told", f"the night {FIRST}")
    assert started.topics == ["alerts", "observatory"]
    assert (started.speed, started.first_time) == (10.0, MIDNIGHT)
    assert (finished.records, finished.complete) == (report.records, True)
    assert finished.lateness_p99 == report.lateness_p99
    assert records[0].id == uuid5(NAMESPACE, "replay/told:0")


def test_partition_counts_are_those_of_the_originals(cluster: Cluster, stop: Stop) -> None:
    topics.ensure(cluster, [replace(ALERTS, partitions=7)])
    send_foreign(cluster, [(6, 1_700_000_000_000, b"far out")])
    report = play(cluster, index_of(cluster).all(), inf, "wide", stop)
    assert [m.partition() for m in read(cluster.in_namespace(report.namespace), ALERTS)] == [6]


def test_an_id_in_use_is_refused_and_nothing_is_sent(cluster: Cluster, stop: Stop) -> None:
    publish(cluster, [MIDNIGHT])
    window = index_of(cluster).all()
    report = play(cluster, window, inf, "once", stop)
    with pytest.raises(ReplayIdInUse, match="The replay id once is in use: the topic"):
        play(cluster, window, inf, "once", stop)
    assert len(read(cluster.in_namespace(report.namespace), OBSERVATORY)) == 1


def test_of_two_replays_that_begin_at_once_with_one_id_one_is_refused(
    cluster: Cluster, stop: Stop
) -> None:
    publish(cluster, [MIDNIGHT])
    request = Request([index_of(cluster).all()], inf, "both")
    first, second = Player(cluster, request, stop), Player(cluster, request, stop)
    report = first.run()
    with pytest.raises(ReplayIdInUse, match="The replay id both is in use: the topic"):
        second.run()
    assert len(read(cluster.in_namespace(report.namespace), OBSERVATORY)) == 1


@pytest.mark.parametrize("name", ["", "a.b", "a b", "ä", "x" * 65, "a/b"])
def test_an_id_that_is_no_part_of_a_topic_name_is_refused(
    log: Cluster, stop: Stop, name: str
) -> None:
    with pytest.raises(NotAnId, match="letters, digits"):
        play(log, Window({}), inf, name, stop)


@pytest.mark.parametrize("speed", [inf, 1.0])
def test_a_window_without_records_is_refused_and_makes_nothing(
    cluster: Cluster, stop: Stop, speed: float
) -> None:
    cluster = cluster.in_namespace(f"{cluster.namespace}{speed}.")
    publish(cluster, [MIDNIGHT, MIDNIGHT + 10])
    index = index_of(cluster)
    window = index.between(MIDNIGHT + 2, MIDNIGHT + 5)
    request = Request([window], speed, "nothing", index.names)
    with pytest.raises(EmptyWindow, match=f"the log has the night {FIRST}"):
        Player(cluster, request, stop).run()
    prefix = f"{cluster.namespace}replay."
    assert not [name for name in topics.existing(cluster) if name.startswith(prefix)]
