"""A view made anew from a log of a million events, beside the live projection of the same log.

Also what a night of that size costs to seal, and a rebuild that begins with the seal's snapshot.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.scene import publish_night, rate, scene
from benchmarks.table import Row
from infra.database import Database, ViewStore, connect
from infra.database.snapshots import file_digest, keep
from infra.indexing import nights_of
from infra.log.cluster import Cluster
from infra.log.cluster import connect as connect_log
from infra.log.registry import Registry
from infra.projecting import judging
from infra.projecting.feeding import Feed
from infra.projecting.rebuilding import Base, Rebuilding
from infra.projecting.running import Projector
from infra.quarantine.fates import Fates
from infra.settings import Settings
from infra.signals import stopping
from projections import View, views

BESIDE = "live"
BAR = 60_000
VIEWS = ("tcs_latest", "tcs_events")
FROM_ZERO = "beside: the rebuild from zero"


def rows(quick: bool = False) -> list[Row]:
    """Return events a second into each table, and what a snapshot saves."""
    count, rounds = (50_000, 1) if quick else (1_000_000, 3)
    with scene() as site:
        cluster = connect_log(site)
        publish_night(cluster, count, 1000.0)
        known = views(nights_of(site))
        return [
            row for name in VIEWS for row in _of_view(site, cluster, known[name], count, rounds)
        ]


def _of_view(site: Settings, cluster: Cluster, view: View, count: int, rounds: int) -> list[Row]:
    taken = [_round(site, cluster, view) for _ in range(rounds)]
    live, rebuilt, snapped = (median(seconds) for seconds in zip(*taken, strict=True))
    note = f"bar: {BAR:,}; {count:,} events" if view.name == VIEWS[0] else f"{count:,} events"
    ours, beside = count / rebuilt, count / live
    return [
        Row(f"{view.name}, rebuilt from zero", ours, "events/s", beside, ours / beside, note),
        Row(f"{view.name}, from a snapshot", snapped, "s", rebuilt, snapped / rebuilt, FROM_ZERO),
    ]


def _round(site: Settings, cluster: Cluster, view: View) -> tuple[float, float, float]:
    """Return the seconds of the live projection, a rebuild from zero, and one from a snapshot."""
    with tempfile.TemporaryDirectory(prefix="evctl-bench-") as folder:
        database = connect(f"sqlite:///{Path(folder) / 'tables.sqlite'}")
        store = ViewStore(database, view, cluster.namespace)
        store.create()
        projector = Projector(cluster, Registry(cluster), [Feed(store)], site)
        with stopping() as stop:
            live = seconds(lambda: projector.once(stop))
        work = _anew(cluster, database, view)
        rebuilt = seconds(lambda: _rebuild(work, None))
        path = Path(folder) / "kept.sqlite"
        kept = keep(store, path, "2025-11-20")
        base = Base("a seal", path, 0, view.definition, kept.shown.digest, file_digest(path))
        again = _anew(cluster, database, view)
        snapped = seconds(lambda: _rebuild(again, base))
        database.close()
        return live, rebuilt, snapped


def seconds(work: Callable[[], Any]) -> float:
    """Return how long it took, the collector's pauses left out."""
    return 1 / rate(1, work)


def _anew(cluster: Cluster, database: Database, view: View) -> Rebuilding:
    registry = Registry(cluster)
    judge = judging.Rebuilding(Fates(cluster, registry), cluster.namespace)
    judge.refresh()
    return Rebuilding(cluster, registry, database, view, judge)


def _rebuild(work: Rebuilding, base: Base | None) -> None:
    work.begin(() if base is None else (base,))
    with stopping() as stop:
        if not work.fill(stop, lambda _: None):
            raise KeyboardInterrupt
    work.swap()
