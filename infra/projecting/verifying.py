"""Live, replayed and rebuilt rows of the views, compared by digest."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.database import Database, ViewStore, connect
from infra.log import reading
from infra.log.cluster import Cluster
from infra.log.reading import Place
from infra.log.registry import Registry
from infra.projecting.feeding import Feed
from infra.projecting.rebuilding import begin, fill
from infra.windows import Window, places_of
from projections import View
from schemas.errors import EvctlError
from schemas.topics import topic


class TablesBehind(EvctlError):
    """Tables do not yet show all that the log has."""

    exit_code = 75

    def __init__(self, view: str, namespace: str, behind: int) -> None:
        option = f"--namespace {namespace} " if namespace else ""
        super().__init__(
            f"{view} is behind the log (records to go: {behind:,}): nothing can be compared yet. "
            f"Run `evctl {option}run projections --once`, then verify again."
        )
        self.view, self.namespace, self.behind = view, namespace, behind


@dataclass(frozen=True, slots=True)
class Verdict:
    """A view's digests by what was digested (live, replayed, rebuilt), and its rows."""

    view: str
    rows: int
    digests: Mapping[str, str]

    @property
    def agrees(self) -> bool:
        """Whether all digests are one."""
        return len(set(self.digests.values())) == 1


def verify(
    cluster: Cluster,
    registry: Registry,
    database: Database,
    views: Sequence[View],
    window: Window,
    night: str | None,
    replay: str | None,
    advance: Callable[[int], None],
) -> list[Verdict]:
    """Return each view's digests: live, rebuilt from the window, and of a replay's tables.

    With a `night`, only the views whose rows belong to nights are compared, and only their rows of
    that night. Raises `TablesBehind` where a table lags.
    """
    chosen = [view for view in views if night is None or view.of_night is not None]
    sides = {"live": cluster}
    if replay is not None:
        sides["replayed"] = cluster.in_namespace(f"{cluster.namespace}replay.{replay}.")
    stores = {
        side: {view.name: ViewStore(database, view, seen.namespace) for view in chosen}
        for side, seen in sides.items()
    }
    for side, seen in sides.items():
        for store in stores[side].values():
            _up_to_date(seen, store)
    with tempfile.TemporaryDirectory(prefix="evctl-verify-") as folder:
        scratch = connect(f"sqlite:///{Path(folder) / 'rebuilt.sqlite'}")
        try:
            rebuilt = {view.name: ViewStore(scratch, view, cluster.namespace) for view in chosen}
            _refold(cluster, registry, list(rebuilt.values()), window, advance)
            stores["rebuilt"] = rebuilt
            return [_verdict(view, stores, night) for view in chosen]
        finally:
            scratch.close()


def _verdict(
    view: View, stores: Mapping[str, Mapping[str, ViewStore]], night: str | None
) -> Verdict:
    digests = {side: found[view.name].digest(night) for side, found in stores.items()}
    return Verdict(view.name, stores["live"][view.name].rows(night), digests)


def _up_to_date(cluster: Cluster, store: ViewStore) -> None:
    positions = store.positions()
    places: list[Place] = places_of(cluster, [topic(name) for name in store.view.topics])
    for place, (low, end) in reading.whole(cluster, places).items():
        row = positions.get(place)
        behind = end - (low if row is None else row.next_offset)
        if behind > 0:
            raise TablesBehind(store.view.name, cluster.namespace, behind)


def _refold(
    cluster: Cluster,
    registry: Registry,
    stores: Sequence[ViewStore],
    window: Window,
    advance: Callable[[int], None],
) -> None:
    for store in stores:
        store.create()
    feeds = [Feed(store) for store in stores]
    begin(cluster, feeds)
    ranges = {place: list(spans) for place, spans in window.ranges.items()}
    fill(cluster, registry, feeds, ranges, None, advance, lambda record: window.holds(record.time))
