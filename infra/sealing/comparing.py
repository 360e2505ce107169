"""What the log makes of a sealed view: its rows as of the seal, made anew in a scratch database."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from infra.database import Database, ViewStore, connect
from infra.database.snapshots import SnapshotDiffers, opened, put_back
from infra.log.reading import Place, Span
from infra.projecting.feeding import Feed
from infra.projecting.rebuilding import Base, begin, fill
from infra.sealing.place import Site
from infra.windows import Window
from projections import View


@contextmanager
def scratch() -> Iterator[Database]:
    """Give an empty database that is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="evctl-seal-") as folder:
        database = connect(f"sqlite:///{Path(folder) / 'scratch.sqlite'}")
        try:
            yield database
        finally:
            database.close()


def of_night(
    site: Site, views: Sequence[View], window: Window, closing: Mapping[Place, int], night: str
) -> dict[str, str]:
    """Return the digest of a night's rows of each view, from what stands before `closing`."""
    with scratch() as database:
        feeds = [Feed(_made(database, view, site)) for view in views]
        begin(site.cluster, feeds)
        fill(
            site.cluster,
            site.registry,
            feeds,
            before(window, closing),
            site.judge(),
            None,
            site.advance,
            window.concerns,
        )
        return {feed.view.name: feed.store.digest(night) for feed in feeds}


def before(window: Window, closing: Mapping[Place, int]) -> dict[Place, list[Span]]:
    """Return the window's offsets that stand before `closing`."""
    return {
        place: [(first, min(end, closing[place])) for first, end in spans if first < closing[place]]
        for place, spans in window.ranges.items()
        if place in closing
    }


def of_log(site: Site, view: View, positions: Mapping[Place, int], bases: Iterable[Base]) -> str:
    """Return the digest of all rows of a view, from what stands before `positions`.

    It begins with the first of the bases that fits and does not go beyond them.
    """
    judge = site.judge()
    with scratch() as database:
        store = _made(database, view, site)
        for base in bases:
            if _filled(site, store, base, positions):
                break
        feed = Feed(store)
        spans = begin(site.cluster, [feed])
        wanted = {
            place: [(first, min(end, positions[place])) for first, end in given]
            for place, given in spans.items()
            if place in positions
        }
        fill(site.cluster, site.registry, [feed], wanted, judge, None, site.advance)
        return store.digest()


def _made(database: Database, view: View, site: Site) -> ViewStore:
    store = ViewStore(database, view, site.cluster.namespace)
    store.create()
    return store


def _filled(site: Site, store: ViewStore, base: Base, positions: Mapping[Place, int]) -> bool:
    """Fill a store from a base, if it is whole and not beyond the positions."""
    if base.definition != store.view.definition or not base.intact():
        return False
    with opened(base.path, store.view, store.namespace) as kept:
        there = kept.positions()
        ends = {place: row.next_offset for place, row in there.items()}
        if any(end > positions.get(place, 0) for place, end in ends.items()):
            return False
        if not site.fates.is_as_of(store.view.name, ends, base.made):
            return False
        try:
            put_back(kept, base.path, store, base.digest)
        except SnapshotDiffers:
            store.drop()
            store.create()
            return False
    return True
