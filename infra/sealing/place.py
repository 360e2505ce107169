"""What sealing and checking a night need: the log, the tables, the seals and their files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from infra.database import Database
from infra.indexing import night_index, nights_of
from infra.log.cluster import Cluster
from infra.log.registry import Registry
from infra.projecting.judging import Verifying
from infra.quarantine.fates import Fates
from infra.sealing.contents import Seal, SealedView
from infra.sealing.records import Seals
from infra.sealing.shelf import Shelf
from infra.settings import Settings
from infra.windows import NightIndex
from projections import View
from schemas.nights import Nights


@dataclass(frozen=True)
class Site:
    """A site as the commands about seals see it.

    A table that stands still for `patience` s counts as behind the log; `advance` is told of
    records that were read.
    """

    cluster: Cluster
    registry: Registry
    database: Database
    settings: Settings
    views: Sequence[View]
    patience: float
    advance: Callable[[int], None]

    @cached_property
    def seals(self) -> Seals:
        """The seals on the log."""
        return Seals(self.cluster, self.registry)

    @cached_property
    def shelf(self) -> Shelf:
        """The seals' files."""
        return Shelf(self.settings.seals.directory, self.cluster.namespace)

    @property
    def nights(self) -> Nights:
        """How the site divides time."""
        return nights_of(self.settings)

    @cached_property
    def fates(self) -> Fates:
        """Which records were passed over or decided about, as of its last refresh."""
        return Fates(self.cluster, self.registry)

    def judge(self) -> Verifying:
        """Return who passes over what the live tables do."""
        judge = Verifying(self.fates, self.cluster.namespace)
        judge.refresh()
        return judge

    def is_as_decided(self, seal: Seal, view: SealedView) -> bool:
        """Whether nothing was passed over or decided since of the records that a view had read."""
        self.fates.refresh()
        return self.fates.is_as_of(view.view, view.next_offsets(self.cluster.namespace), seal.time)

    def index(self) -> NightIndex:
        """Return where the nights lie on the log, up to its present end."""
        return night_index(self.cluster, self.settings)
