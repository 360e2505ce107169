"""Windows of a log in which nights interleave: by the table, by the tail, and by both."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.broker import control
from infra.database import ViewStore
from infra.indexing import night_index, nights_of, open_database
from infra.log import reading, topics
from infra.log.cluster import Cluster, connect
from infra.log.decoding import Decoder
from infra.log.errors import LogDiverged
from infra.log.registry import Registry
from infra.projecting.feeding import Feed
from infra.projecting.running import Projector
from infra.settings import Settings
from infra.signals import Stop
from infra.windows import BackwardsWindow, EmptyWindow, Window, offsets
from projections import views
from schemas.nights import NotANight
from schemas.topics import OBSERVATORY
from tests.integration.replay_log import DAY, MIDNIGHT, publish

PLACE = ("observatory", 0)
NIGHTS = [f"2026-11-{day}" for day in range(21, 27)]


class Site:
    """A log, tables, and the event times on the log in its order."""

    def __init__(self, folder: Path) -> None:
        log, tables = {"data_dir": str(folder / "log")}, {"url": f"sqlite:///{folder}/t.sqlite"}
        self.settings = Settings.model_validate({"log": log, "database": tables})
        self.cluster: Cluster = connect(self.settings)
        self.times: list[int] = []

    def publish(self, times: list[int]) -> None:
        """Append events."""
        publish(self.cluster, times, source=f"s{len(self.times)}")
        self.times += times

    def project(self) -> None:
        """Bring the night index's table to the log's end."""
        view = views(nights_of(self.settings))["night_index"]
        store = ViewStore(open_database(self.settings), view, "")
        store.create()
        stop = Stop()
        Projector(self.cluster, Registry(self.cluster), [Feed(store)], self.settings).once(stop)
        stop.close()
        store.database.close()

    def within(self, window: Window) -> list[int]:
        """Return the event times that a reader of the window gets, in order."""
        decode = Decoder(Registry(self.cluster)).record
        batches = reading.messages(self.cluster, window.ranges)
        times = [decode(message).time for batch in batches for message in batch]
        return [time for time in times if window.holds(time)]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site with an empty log."""
    site = Site(tmp_path)
    try:
        topics.ensure(site.cluster, [OBSERVATORY])
        yield site
    finally:
        control.stop(tmp_path / "log")


def interleaved(seed: int, number: int) -> list[int]:
    """Return times of six nights in no order, some at their very bounds."""
    chance = random.Random(seed)
    starts = [MIDNIGHT - DAY // 4 + night * DAY for night in range(len(NIGHTS))]
    bounds = [time for start in starts for time in (start, start + DAY - 1)]
    inner = [chance.choice(starts) + chance.randrange(DAY) for _ in range(number)]
    times = [*bounds, *inner]
    chance.shuffle(times)
    return times


def night_of(time: int) -> str:
    """Return HET's night of a time in these nights."""
    return NIGHTS[(time - (MIDNIGHT - DAY // 4)) // DAY]


@pytest.mark.parametrize("indexed", ["nothing", "a part", "all"])
def test_a_night_is_all_its_records_wherever_they_are(site: Site, indexed: str) -> None:
    site.publish(interleaved(1, 300))
    if indexed != "nothing":
        site.project()
    site.publish(interleaved(2, 200))
    if indexed == "all":
        site.project()
    index = night_index(site.cluster, site.settings)
    assert index.names() == NIGHTS
    for night in NIGHTS:
        wanted = [time for time in site.times if night_of(time) == night]
        assert site.within(index.night(night)) == wanted
    assert site.within(index.all()) == site.times


def test_windows_by_time_hold_what_begins_in_them(site: Site) -> None:
    site.publish(interleaved(3, 300))
    site.project()
    site.publish(interleaved(4, 50))
    index = night_index(site.cluster, site.settings)
    chance = random.Random(5)
    ordered = sorted(site.times)
    for _ in range(12):
        start, end = sorted(chance.sample(ordered, 2))
        if start < end:
            wanted = [time for time in site.times if start <= time < end]
            assert site.within(index.between(start, end)) == wanted


def test_windows_by_offset_are_cut_at_the_log_s_ends(site: Site) -> None:
    site.publish(interleaved(6, 50))
    count = len(site.times)
    for first, last in ((None, None), (10, 20), (None, 7), (count - 3, None), (5, count + 100)):
        window = offsets(site.cluster, OBSERVATORY, first, last)
        assert site.within(window) == site.times[first:last]
    with pytest.raises(EmptyWindow):
        offsets(site.cluster, OBSERVATORY, count, None)
    with pytest.raises(BackwardsWindow):
        offsets(site.cluster, OBSERVATORY, 5, 4)


def test_what_is_no_window_is_refused(site: Site) -> None:
    site.publish([MIDNIGHT])
    index = night_index(site.cluster, site.settings)
    with pytest.raises(EmptyWindow, match="the night 1999-12-31"):
        index.night("1999-12-31")
    with pytest.raises(BackwardsWindow):
        index.between(MIDNIGHT + 1, MIDNIGHT)
    with pytest.raises(NotANight):
        index.night("tonight")


def test_a_table_of_a_topic_that_was_made_anew_is_left_aside(site: Site) -> None:
    site.publish(interleaved(7, 300))
    site.project()
    topics.delete(site.cluster, ["observatory"])
    topics.ensure(site.cluster, [OBSERVATORY])
    site.times.clear()
    site.publish([MIDNIGHT, MIDNIGHT + 2 * DAY, MIDNIGHT + 1])
    index = night_index(site.cluster, site.settings)
    assert index.names() == ["2026-11-21", "2026-11-23"]
    assert site.within(index.night("2026-11-21")) == [MIDNIGHT, MIDNIGHT + 1]


@pytest.mark.slow
def test_a_log_that_stays_shorter_than_a_window_is_said_so(site: Site) -> None:
    site.publish([MIDNIGHT, MIDNIGHT + 1])
    with pytest.raises(LogDiverged, match=r"At observatory\[0\]@2 the log has its end"):
        list(reading.messages(site.cluster, {PLACE: [(0, 5)]}))
