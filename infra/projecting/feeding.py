"""One view's rows and its place in the log, written together."""

from collections.abc import Iterable

from infra.database import ViewStore
from infra.dying import Point, reach
from infra.log.cluster import Cluster
from infra.log.reading import Place, Span
from infra.log.topics import RealTopic
from infra.projecting import continuity
from projections import View
from projections.fold import Fold, Held
from schemas.record import AnyRecord
from schemas.topics import topic


class Feed:
    """Applies records to one view, each once, as the one writer of the partitions it has taken."""

    def __init__(self, store: ViewStore) -> None:
        self.store = store
        self.held: dict[Place, Held] = {}

    @property
    def view(self) -> View:
        """The view that is fed."""
        return self.store.view

    def reads(self, place: Place, namespace: str) -> bool:
        """Whether the view is made from the topic of a partition."""
        return any(topic(name).full_name(namespace) == place[0] for name in self.view.topics)

    def take(self, cluster: Cluster, place: Place, real: RealTopic, on_log: Span) -> int:
        """Become the writer of a partition, and return the offset to read it from.

        A writer from before finds its next batch refused. Raises `LogDiverged` or `LogTruncated`
        where the log is not the one that the rows came from.
        """
        row = self.store.take(*place, real.id)
        continuity.check(cluster, place, row, real, on_log)
        self.held[place] = Held(row.epoch, row.next_offset, self.store.high_waters(*place))
        return max(row.next_offset, on_log[0])  # a new view begins where the log does

    def drop(self, place: Place) -> None:
        """Stop writing a partition; another instance may take it."""
        self.held.pop(place, None)

    def apply(self, records: Iterable[AnyRecord]) -> bool:
        """Write the records that the view has not seen; false if another has become the writer.

        Then nothing was written, and `take` has to be called again.
        """
        fold, held = Fold(self.view, self.held), self.held
        for record in records:
            if record.position[:2] in held:
                fold.add(record)
        batch = fold.finish()
        reach(Point.BEFORE_COMMIT)
        if batch.spans and not self.store.apply(batch):
            return False
        reach(Point.AFTER_COMMIT)
        for span in batch.spans:
            held[span.topic, span.partition].advance(span)
        return True
