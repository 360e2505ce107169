"""A view made anew from the log beside the one that serves, then put in its place."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from infra.database import Database, ViewStore
from infra.log import reading, topics
from infra.log.batches import Decoding
from infra.log.cluster import Cluster
from infra.log.reading import Place, Span
from infra.log.registry import Registry
from infra.projecting.feeding import Feed
from infra.projecting.judging import Judge
from infra.signals import Stop
from infra.steady import unhurried
from infra.windows import places_of
from projections import View
from schemas.errors import EvctlError
from schemas.record import AnyRecord
from schemas.topics import topic

BUILD = "next"
_BATCH = 10_000


class Overtaken(EvctlError):
    """Another process wrote to the tables that were being built."""

    exit_code = 75

    def __init__(self, view: str) -> None:
        super().__init__(
            f"Another process began to rebuild {view} while this one did; let one of them finish."
        )
        self.view = view


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild did: records read, and whether the new tables serve."""

    records: int = 0
    complete: bool = False


def rebuild(
    cluster: Cluster,
    registry: Registry,
    database: Database,
    view: View,
    judge: Judge,
    stop: Stop,
    advance: Callable[[int], None],
) -> Rebuilt:
    """Fill new tables from the log's beginning to its end and swap them in.

    The old tables serve until then, and stay if `stop` is requested or an error is raised (a
    rebuild stops at the first record that the view can't take in and nobody dropped: `BadRecord`).
    """
    store = ViewStore(database, view, cluster.namespace, BUILD)
    store.drop()
    store.create()
    done, ours = Rebuilt(), True
    try:
        feed = Feed(store)
        spans = begin(cluster, [feed])
        while spans and not stop.requested:
            done.records += fill(cluster, registry, [feed], spans, judge, stop, advance)
            spans = _grown(cluster, feed)
        done.complete = not stop.requested
        if done.complete:
            ViewStore(database, view, cluster.namespace).swap(BUILD)
    except Overtaken:
        ours = False  # the tables are the other process's
        raise
    finally:
        if ours and not done.complete:
            store.drop()
    return done


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
    holds: Callable[[AnyRecord], bool] = lambda _: True,
) -> int:
    """Feed the records of the spans for which `holds` is true; return how many were read."""
    decoding, count = Decoding(registry), 0
    with unhurried():
        for messages in reading.messages(cluster, spans, batch=_BATCH):
            batch = decoding.batch(messages).only(holds)
            for feed in feeds:
                if not feed.apply(batch, judge):
                    raise Overtaken(feed.view.name)
            count += len(messages)
            advance(len(messages))
            if stop is not None and stop.requested:
                break
    return count


def _grown(cluster: Cluster, feed: Feed) -> dict[Place, list[Span]]:
    """Return what was appended since the partitions were read to their ends."""
    ends = reading.whole(cluster, list(feed.held))
    return {
        place: [(held.next_offset, ends[place][1])]
        for place, held in feed.held.items()
        if held.next_offset < ends[place][1]
    }
