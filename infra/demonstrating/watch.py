"""How far the tables of a namespace are behind its log."""

from collections.abc import Sequence

from infra.database import Database, PositionRow, ViewStore
from infra.indexing import nights_of
from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.settings import Settings
from projections import views
from schemas.topics import OBSERVATORY


class Watch:
    """Looks at the tables; `most` is the greatest lag that it has seen (records)."""

    def __init__(
        self, site: Settings, database: Database, cluster: Cluster, names: Sequence[str]
    ) -> None:
        known = views(nights_of(site))
        self.stores = {name: ViewStore(database, known[name], cluster.namespace) for name in names}
        self._cluster, self._consumer = cluster, cluster.consumer()
        self._topic = OBSERVATORY.full_name(cluster.namespace)
        self._there = False
        self.most = 0

    def _positions(self) -> list[PositionRow]:
        """Return how far each view is; none while one has not begun."""
        if not all(store.exists() for store in self.stores.values()):
            return []
        rows = [store.positions().get((self._topic, 0)) for store in self.stores.values()]
        found = [row for row in rows if row is not None]
        return found if len(found) == len(rows) else []

    def applied(self) -> int:
        """Return how many records of the observatory's topic the slowest view has read."""
        return min((row.next_offset for row in self._positions()), default=0)

    def epoch(self) -> int:
        """Return how often every view's writer has changed."""
        return min((row.epoch for row in self._positions()), default=0)

    def look(self) -> None:
        """Take note of the lag of the slowest view."""
        self.lag()

    def lag(self) -> int:
        """Return by how many records the slowest view is behind."""
        self._there = self._there or self._topic in topics.existing(self._cluster)
        if not self._there:
            return 0
        _, end = reading.span(self._consumer, self._cluster, (self._topic, 0))
        behind = end - self.applied()
        self.most = max(self.most, behind)
        return behind

    def begun(self) -> bool:
        """Whether every view shows something."""
        return self.applied() > 0

    def caught_up(self) -> bool:
        """Whether every view shows all that the log has, which has something."""
        return self.lag() == 0 and self.begun()
