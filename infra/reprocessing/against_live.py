"""Tables of a part of the log that was gone through again, compared with the live ones."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.database import Database, ViewStore
from infra.log.cluster import Cluster
from infra.log.reading import Place, Span
from infra.log.registry import Registry
from infra.projecting.catching_up import Positions, Tables, TablesBehind
from infra.projecting.refolding import count
from infra.reprocessing.part import Part


@dataclass(frozen=True, slots=True)
class Compared:
    """A view's rows of a night (None: all), here and live; `why_not` says why not compared."""

    view: str
    night: str | None
    rows: int
    digest: str
    live: str | None = None
    why_not: str = ""

    @property
    def differs(self) -> bool:
        """Whether the live rows are others."""
        return self.live is not None and self.live != self.digest

    def as_json(self) -> dict[str, Any]:
        """Return the comparison for programs; `agrees` is null where nothing was compared."""
        return {
            "view": self.view,
            "night": self.night,
            "rows": self.rows,
            "digest": self.digest,
            "live": self.live,
            "agrees": None if self.live is None else not self.differs,
            "why_not": self.why_not or None,
        }


class AgainstLive:
    """The live tables of a site, which must show the part and may show more by now."""

    def __init__(
        self,
        cluster: Cluster,
        registry: Registry,
        database: Database,
        part: Part,
        patience: float,
    ) -> None:
        self._cluster, self._registry, self._database = cluster, registry, database
        self._part = part
        must = {place: (part.ends[place][0], spans[-1][1]) for place, spans in part.ranges.items()}
        self._tables = Tables(cluster, database, must, patience)

    def compared(self, stores: Sequence[ViewStore]) -> Iterator[Compared]:
        """Yield what each view has of each night of the part."""
        for store in stores:
            for night in self._part.nights:
                if night is None or store.view.of_night is not None:
                    yield self._one(store, night)
            if not self._part.nights or (
                store.view.of_night is None and self._part.nights != (None,)
            ):
                why = "its rows are of the whole log" if self._part.nights else "no whole night"
                yield Compared(store.view.name, None, store.rows(), store.digest(), None, why)

    def _one(self, store: ViewStore, night: str | None) -> Compared:
        found, name = store.snapshot(night), store.view.name
        live = ViewStore(self._database, store.view, self._cluster.namespace)
        if not live.exists():
            return Compared(name, night, found.rows, found.digest, None, "no live table")
        made = {row.definition for row in live.positions().values() if row.next_offset}
        if made - {store.view.definition}:
            why = "the live table is of another version of the view"
            return Compared(name, night, found.rows, found.digest, None, why)
        try:
            there = self._tables.snapshot(store.view, night)
        except TablesBehind as behind:
            return Compared(name, night, found.rows, found.digest, None, str(behind))
        if there.digest != found.digest:
            since = self._since(there.positions)
            if since:
                why = f"the live table has {since:,} records that came since"
                return Compared(name, night, found.rows, found.digest, None, why)
        return Compared(name, night, found.rows, found.digest, there.digest)

    def _since(self, shown: Positions) -> int:
        """Return how many records of the part live tables have from beyond its ends."""
        spans: Mapping[Place, list[Span]] = {
            place: [(self._part.ends[place][1], row.next_offset)]
            for place, row in shown.items()
            if place in self._part.ends and row.next_offset > self._part.ends[place][1]
        }
        return sum(
            count(self._cluster, self._registry, window, spans) for window in self._part.windows
        )
