"""What exactly-once costs: the same loop without its guards, alternating with ours.

The loose one knows no offset row, no epochs, no high-waters and no repeats, and commits its offsets
to the group: a crash doubles or loses there what it does not here. It exists in this file only.
"""

from collections.abc import Callable
from functools import partial

from benchmarks.projecting import databases
from benchmarks.scene import pairs, publish_night, rate, scene
from benchmarks.table import Row
from infra.database import ViewStore, connect
from infra.indexing import nights_of
from infra.log.cluster import Cluster
from infra.log.cluster import connect as connect_log
from infra.log.registry import Registry
from infra.projecting import feeding
from infra.projecting.feeding import Feed
from infra.projecting.running import Projector
from infra.settings import Settings
from infra.signals import stopping
from projections import View, views
from projections.fold import Fold, FoldedBatch
from schemas.record import AnyRecord

BESIDE = "without guards"
BAR = 0.85


class LooseStore(ViewStore):
    """Writes rows, and neither offset nor high-waters."""

    def apply(self, batch: FoldedBatch) -> bool:
        with self.database.writing() as connection:
            for statement in batch.statements:
                self.write(connection, statement)
        return True


class LooseFold(Fold):
    """Takes every record as new."""

    def add(self, record: AnyRecord) -> None:
        topic, partition, offset = record.position
        reading = self._readings.get((topic, partition)) or self._open((topic, partition))
        self._rows.add(record)
        reading.end = offset + 1


def rows(quick: bool = False) -> list[Row]:
    """Return events a second into tables with the guards, and without them."""
    count, rounds = (20_000, 1) if quick else (200_000, 5)
    found = []
    with scene() as site, databases() as urls:
        cluster = connect_log(site)
        publish_night(cluster, count, 1000.0)
        known = views(nights_of(site))
        for kind, new in urls.items():
            for name in ("tcs_latest", "tcs_events"):
                run = partial(_rate, site, cluster, known[name], new, count)
                guarded, loose = pairs(
                    rounds, partial(_numbered, run, Fold), partial(_numbered, run, LooseFold)
                )
                note = f"bar: {BAR}"
                found.append(
                    Row(f"{name} into {kind}", guarded, "events/s", loose, guarded / loose, note)
                )
    return found


def _numbered(run: Callable[[type[Fold]], float], fold: type[Fold], _: int) -> float:
    return run(fold)


def _rate(
    site: Settings,
    cluster: Cluster,
    view: View,
    new: Callable[[], str],
    count: int,
    fold: type[Fold],
) -> float:
    database = connect(new())
    kind = ViewStore if fold is Fold else LooseStore
    try:
        store = kind(database, view, cluster.namespace)
        store.create()
        vars(feeding)["Fold"] = fold  # switched off in the benchmark only
        projector = Projector(cluster, Registry(cluster), [Feed(store)], site)
        with stopping() as stop:
            return rate(count, lambda: projector.once(stop))
    finally:
        vars(feeding)["Fold"] = Fold
        database.close()
