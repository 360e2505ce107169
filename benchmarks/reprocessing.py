"""A night of a million events gone through again: all views, and services beside them.

Beside: reading and decoding the same log, and nothing else.
"""

import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.rebuilding import seconds
from benchmarks.scene import publish_night, scene
from benchmarks.table import Row, against
from consumers import Service, services
from infra.cli.viewing import chosen_views
from infra.database import connect as connect_tables
from infra.indexing import night_index
from infra.log import reading
from infra.log.batches import Decoding
from infra.log.cluster import Cluster, connect
from infra.log.registry import Registry
from infra.projecting.judging import Verifying
from infra.quarantine.fates import Fates
from infra.reprocessing.part import Part, part_of
from infra.reprocessing.running import Reprocessing, Wish
from infra.reprocessing.tables import new_file
from infra.serving.shelved import Shelved
from infra.settings import Settings
from infra.signals import stopping

BESIDE = "read and decoded"
BAR = 40_000
NOTE = "{:,} events, six views"


def rows(quick: bool = False) -> list[Row]:
    """Return events a second with all views, without and with services."""
    count, rounds = (50_000, 1) if quick else (1_000_000, 3)
    with scene() as site:
        cluster = connect(site)
        publish_night(cluster, count, 1000.0)
        part = part_of(night_index(cluster, site), ["all"], None, None)
        taken = [_round(cluster, site, part) for _ in range(rounds)]
    bare, views, decided = (count / median(times) for times in zip(*taken, strict=True))
    note = NOTE.format(count)
    return [
        against("reprocess, no services", views, bare, "events/s", f"bar: {BAR:,}; {note}"),
        against("reprocess, all services", decided, bare, "events/s", note),
    ]


def _round(cluster: Cluster, site: Settings, part: Part) -> tuple[float, float, float]:
    deciders = list(services().values())
    return (
        seconds(lambda: _read(cluster, part)),
        seconds(lambda: _reprocess(cluster, site, part, ())),
        seconds(lambda: _reprocess(cluster, site, part, deciders)),
    )


def _read(cluster: Cluster, part: Part) -> None:
    decoding = Decoding(Registry(cluster))
    for messages in reading.messages(cluster, part.ranges, batch=10_000):
        decoding.batch(messages)


def _reprocess(
    cluster: Cluster, site: Settings, part: Part, deciders: Sequence[Service[Any]]
) -> None:
    registry = Registry(cluster)
    judge = Verifying(Fates(cluster, registry), cluster.namespace)
    wish = Wish(part, chosen_views(site, []), deciders, {}, 0)
    with (
        tempfile.TemporaryDirectory(prefix="evctl-bench-") as folder,
        closing(connect_tables(f"sqlite:///{folder}/live.sqlite")) as live,
        new_file(Path(folder) / "again.sqlite", live, overwrite=False) as database,
        stopping() as stop,
    ):
        shelved = Shelved(cluster, Path(folder))
        with closing(Reprocessing(cluster, registry, wish, shelved)) as work:
            work.run(database, judge, stop, lambda _: None)
