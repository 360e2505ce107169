"""Tables that have to show all of a part of the log before they can be compared."""

from collections.abc import Mapping
from time import monotonic, sleep
from typing import TypeAlias

from infra.database import Database, PositionRow, Snapshot, ViewStore
from infra.log.cluster import Cluster
from infra.log.reading import Place, Span
from projections import View
from schemas.errors import EvctlError
from schemas.topics import topic

_LOOK_S = 0.05

Positions: TypeAlias = Mapping[Place, PositionRow]
Ends: TypeAlias = Mapping[Place, Span]


class TablesBehind(EvctlError):
    """Tables do not yet show all that the log has, and nothing brings them on."""

    exit_code = 75

    def __init__(self, view: str, namespace: str, behind: int) -> None:
        option = f"--namespace {namespace} " if namespace else ""
        super().__init__(
            f"{view} is behind the log (records to go: {behind:,}): nothing can be compared yet. "
            f"Run `evctl {option}run projections --once`, then verify again."
        )
        self.view, self.namespace, self.behind = view, namespace, behind


class Tables:
    """The tables of one namespace, and up to which offsets they must show the log.

    What comes after these offsets is not waited for. A table that stands still for `patience` s
    counts as behind.
    """

    def __init__(self, cluster: Cluster, database: Database, must: Ends, patience: float) -> None:
        self._cluster, self._database = cluster, database
        self._must, self._patience = must, patience

    def wait_for(self, view: View) -> ViewStore:
        """Return the view's tables once they show what they must; raise `TablesBehind`."""
        store = ViewStore(self._database, view, self._cluster.namespace)
        if not store.exists():
            raise TablesBehind(view.name, self._cluster.namespace, self._behind(view, {}))
        left = self._behind(view, store.positions())
        deadline = monotonic() + self._patience
        while left:
            if monotonic() > deadline:
                raise TablesBehind(view.name, self._cluster.namespace, left)
            sleep(_LOOK_S)
            before, left = left, self._behind(view, store.positions())
            if left < before:
                deadline = monotonic() + self._patience
        return store

    def snapshot(self, view: View, night: str | None) -> Snapshot:
        """Return what the view shows at one moment; raise `TablesBehind`."""
        found = self.wait_for(view).snapshot(night)
        if left := self._behind(view, found.positions):  # put back in this very moment
            raise TablesBehind(view.name, self._cluster.namespace, left)
        return found

    def _behind(self, view: View, positions: Positions) -> int:
        names = {topic(name).full_name(self._cluster.namespace) for name in view.topics}
        return sum(
            max(0, end - max(low, positions[place].next_offset if place in positions else 0))
            for place, (low, end) in self._must.items()
            if place[0] in names
        )
