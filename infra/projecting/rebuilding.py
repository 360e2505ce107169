"""A view made anew from the log beside the one that serves, then put in its place.

The new tables hold how far they were filled, as all tables do. So what ends early, or is killed,
goes on from there the next time.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from infra.database import Database, SchemaMismatch, TablesDropped, ViewStore
from infra.database.snapshots import SnapshotDiffers, file_digest, opened, put_back
from infra.dying import Point, reach
from infra.log import reading, topics
from infra.log.batches import Decoding
from infra.log.cluster import Cluster
from infra.log.errors import LogDiverged, LogTruncated
from infra.log.reading import Place, Span
from infra.log.registry import Registry
from infra.projecting import continuity
from infra.projecting.catching_up import Positions, TablesBehind
from infra.projecting.feeding import Feed
from infra.projecting.judging import Judge
from infra.quarantine.entries import Entry
from infra.signals import Stop
from infra.steady import unhurried
from infra.windows import places_of
from projections import View
from schemas.errors import EvctlError
from schemas.record import AnyRecord
from schemas.topics import topic

BUILD = "next"
_BATCH = 10_000
_LOGGER = logging.getLogger("evctl.rebuild")


class Overtaken(EvctlError):
    """Another process wrote to the tables that were being built."""

    exit_code = 75

    def __init__(self, view: str) -> None:
        super().__init__(
            f"Another process began to rebuild {view} while this one did; let one of them finish."
        )
        self.view = view


@dataclass(frozen=True, slots=True)
class Base:
    """A snapshot of a view that a rebuild may begin with; `name` says whose it is.

    `digest` is of the rows, `file_digest` of the file's bytes. `made` is when it was taken, µs UTC.
    """

    name: str
    path: Path
    made: int
    definition: str
    digest: str
    file_digest: str

    def intact(self) -> bool:
        """Whether the file is there, with the bytes that it was written with."""
        return self.path.is_file() and file_digest(self.path) == self.file_digest


@dataclass(frozen=True, slots=True)
class Begun:
    """Where a rebuild begins: `origin` in words, records that are done, and those to go."""

    origin: str
    done: int
    to_go: int


class Rebuilding:
    """New tables of a view, filled while the old ones serve; nothing is lost when it ends early."""

    def __init__(
        self, cluster: Cluster, registry: Registry, database: Database, view: View, judge: Judge
    ) -> None:
        self.cluster, self.registry, self.view = cluster, registry, view
        self._judge = judge
        self.serving = ViewStore(database, view, cluster.namespace)
        self.new = ViewStore(database, view, cluster.namespace, BUILD)
        self._feed = Feed(self.new)
        self.records = 0

    def begin(self, bases: Iterable[Base] = (), *, from_zero: bool = False) -> Begun:
        """Go on with new tables that an earlier rebuild left, if they fit; else begin anew.

        Anew is from the first base that fits, or from the log's beginning. `from_zero` heeds
        neither tables that were left nor bases.
        """
        origin = "where it was left"
        if from_zero or not self._left_off():
            self._empty()
            named = None if from_zero else self._put_back(bases)
            origin = named or "the log's beginning"
        lows = self._places()
        spans = begin(self.cluster, [self._feed])
        to_go = sum(end - start for given in spans.values() for start, end in given)
        done = sum(max(0, given[0][0] - lows[place][0]) for place, given in spans.items())
        return Begun(origin, done, to_go)

    def _places(self) -> dict[Place, Span]:
        wanted = [topic(name) for name in self.view.topics]
        return reading.whole(self.cluster, places_of(self.cluster, wanted))

    def _left_off(self) -> bool:
        """Whether new tables are there that an earlier rebuild of this view and log has filled."""
        if not self.new.exists():
            return False
        try:
            self.new.create()
        except (SchemaMismatch, TablesDropped):
            return False
        positions = self.new.positions()
        return bool(positions) and self._are_undisputed(positions) and fits(self.cluster, positions)

    def _are_undisputed(self, positions: Positions) -> bool:
        """Whether nothing was ever decided about a record that tables have read.

        What was quarantined, dropped or retried may be in them, or not: they are made anew.
        """
        ends = {place: row.next_offset for place, row in positions.items()}
        return self._judge.is_undisputed(self.view.name, ends)

    def _empty(self) -> None:
        self.new.drop()
        self.new.create()

    def _put_back(self, bases: Iterable[Base]) -> str | None:
        """Fill the new tables from the first base that fits; return its name, None without one."""
        for base in bases:
            if base.definition != self.view.definition:
                continue
            if not base.intact():
                _LOGGER.warning("%s is missing or was altered; passed over", base.path)
                continue
            with opened(base.path, self.view, self.cluster.namespace) as kept:
                positions = kept.positions()
                if not (self._are_undisputed(positions) and fits(self.cluster, positions)):
                    continue
                try:
                    put_back(kept, base.path, self.new, base.digest)
                except SnapshotDiffers as fault:
                    _LOGGER.warning("%s Passed over.", fault)
                    self._empty()
                    continue
            return base.name
        return None

    def fill(self, stop: Stop, advance: Callable[[int], None]) -> bool:
        """Fill the new tables to the log's end; false if a stop was asked for before.

        A record that the view can't take in, and that nobody dropped, is `BadRecord`.
        """
        spans = _grown(self.cluster, self._feed)
        while spans and not stop.requested:
            self._read(spans, stop, advance)
            spans = _grown(self.cluster, self._feed)
        return not stop.requested

    def fill_to(self, shown: Positions, stop: Stop, advance: Callable[[int], None]) -> bool:
        """Fill the new tables to where others have read; false if a stop was asked for before.

        Raises `TablesBehind` where those have read less than the new ones.
        """
        ahead, spans = 0, {}
        for place, (low, _) in reading.whole(self.cluster, list(self._feed.held)).items():
            mine = max(low, self._feed.held[place].next_offset)
            theirs = shown[place].next_offset if place in shown else low
            ahead += max(0, mine - theirs)
            if mine < theirs:
                spans[place] = [(mine, theirs)]
        if ahead:
            raise TablesBehind(self.view.name, self.cluster.namespace, ahead)
        self._read(spans, stop, advance)
        return not stop.requested

    def _read(
        self, spans: dict[Place, list[Span]], stop: Stop, advance: Callable[[int], None]
    ) -> None:
        if spans:
            feeds, judge = [self._feed], self._judge
            self.records += fill(self.cluster, self.registry, feeds, spans, judge, stop, advance)

    def taken_in(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Yield the entries of quarantine whose records the new tables have read."""
        namespace = self.cluster.namespace
        ends = {place: held.next_offset for place, held in self._feed.held.items()}
        return (one for one in entries if one.case.offset < ends.get(one.case.place(namespace), 0))

    def lost(self) -> dict[Place, int]:
        """Return how many records the old tables have read beyond the log's end, if any."""
        if not self.serving.exists():
            return {}
        ends = {place: end for place, (_, end) in self._places().items()}
        beyond = {
            place: row.next_offset - ends.get(place, 0)
            for place, row in self.serving.positions().items()
        }
        return {place: count for place, count in beyond.items() if count > 0}

    def swap(self) -> None:
        """Put the new tables in the place of the old ones."""
        reach(Point.REBUILD_FILLED)
        self.serving.swap(BUILD)

    def cancel(self) -> bool:
        """Take the new tables away; tell whether there were any."""
        there = self.new.exists()
        self.new.drop()
        return there


def fits(cluster: Cluster, positions: Positions) -> bool:
    """Whether the log is the one that tables with these positions were filled from."""
    there = set(topics.existing(cluster))
    if not all(name in there for name, _ in positions):
        return False
    real = topics.describe(cluster, sorted({name for name, _ in positions}))
    spans = reading.whole(cluster, list(positions))
    try:
        for place, row in positions.items():
            continuity.check(cluster, place, row, real[place[0]], spans[place])
    except (LogDiverged, LogTruncated):
        return False
    return True


def begin(cluster: Cluster, feeds: Iterable[Feed]) -> dict[Place, list[Span]]:
    """Take all partitions that the views are made from, and return what is to be read of them."""
    wanted = {}
    for feed in feeds:
        places = places_of(cluster, [topic(name) for name in feed.view.topics])
        real = topics.describe(cluster, sorted({name for name, _ in places}))
        for place, on_log in reading.whole(cluster, places).items():
            start = feed.take(cluster, place, real[place[0]], on_log)
            wanted[place] = [(start, on_log[1])]
    return wanted


def fill(
    cluster: Cluster,
    registry: Registry,
    feeds: Iterable[Feed],
    spans: dict[Place, list[Span]],
    judge: Judge,
    stop: Stop | None,
    advance: Callable[[int], None],
    concerns: Callable[[AnyRecord], bool] = lambda _: True,
) -> int:
    """Feed the records of the spans for which `concerns` is true; return how many were read."""
    decoding, count = Decoding(registry), 0
    with unhurried():
        for messages in reading.messages(cluster, spans, batch=_BATCH):
            batch = decoding.batch(messages).only(concerns)
            for feed in feeds:
                if not feed.apply(batch, judge):
                    raise Overtaken(feed.view.name)
            count += len(messages)
            advance(len(messages))
            reach(Point.REBUILD_BATCH)
            if stop is not None and stop.requested:
                return count
    ends = {place: given[-1][1] for place, given in spans.items() if given}
    for feed in feeds:
        if not feed.pass_to(ends):
            raise Overtaken(feed.view.name)
    return count


def _grown(cluster: Cluster, feed: Feed) -> dict[Place, list[Span]]:
    """Return what was appended since the partitions were read to their ends."""
    grown = {}
    for place, (low, end) in reading.whole(cluster, list(feed.held)).items():
        start = max(low, feed.held[place].next_offset)
        if start < end:
            grown[place] = [(start, end)]
    return grown
