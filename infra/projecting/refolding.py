"""Views made anew from a window of the log, in a database that nobody else writes."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from infra.database import ViewStore
from infra.log import reading
from infra.log.batches import Decoding
from infra.log.cluster import Cluster
from infra.log.reading import Place, Span
from infra.log.registry import Registry
from infra.projecting.catching_up import Ends, Positions
from infra.projecting.feeding import Feed
from infra.projecting.judging import Judge
from infra.projecting.rebuilding import begin, fill
from infra.windows import Window
from projections import View


class Refold:
    """Views of the records of a window, which is known up to the `ends` of the log.

    Each can be brought on beyond the ends, with what came into the window since.
    """

    def __init__(
        self,
        cluster: Cluster,
        registry: Registry,
        window: Window,
        ends: Ends,
        judge: Judge,
        advance: Callable[[int], None],
    ) -> None:
        self._cluster, self._registry, self._judge = cluster, registry, judge
        self._window, self._ends, self._advance = window, ends, advance
        self._feeds: dict[str, Feed] = {}

    def make(self, stores: Iterable[ViewStore]) -> None:
        """Fill the views' tables from the window."""
        for store in stores:
            store.create()
            self._feeds[store.view.name] = Feed(store)
        feeds = list(self._feeds.values())
        begin(self._cluster, feeds)
        self._fill(feeds, self._window.ranges)

    def digest(self, view: View, night: str | None, shown: Positions) -> str:
        """Bring a view to where the tables `shown` have read the log; return its digest."""
        feed = self._feeds[view.name]
        if since := self._since(shown):
            begin(self._cluster, [feed])  # there may be partitions that were not
            self._fill([feed], since)
        return feed.store.digest(night)

    def passed(self, view: View) -> int:
        """Return how many records the view does without, of those that were read."""
        return self._judge.passed[view.name]

    def count(self, shown: Positions) -> int:
        """Return how many records of the window the tables `shown` have read."""
        ranges = {place: list(spans) for place, spans in self._window.ranges.items()}
        for place, spans in self._since(shown).items():
            ranges.setdefault(place, []).extend(spans)
        return count(self._cluster, self._registry, self._window, ranges)

    def _since(self, shown: Positions) -> dict[Place, list[Span]]:
        """Return what was read of the log beyond its ends, in whatever order it happened."""
        there = reading.whole(self._cluster, list(shown))
        since = {}
        for place, row in shown.items():
            start = self._ends[place][1] if place in self._ends else there[place][0]
            end = min(row.next_offset, there[place][1])
            if start < end:
                since[place] = [(start, end)]
        return since

    def _fill(self, feeds: Sequence[Feed], ranges: Mapping[Place, Sequence[Span]]) -> None:
        self._judge.refresh()
        fill(
            self._cluster,
            self._registry,
            feeds,
            {place: list(given) for place, given in ranges.items()},
            self._judge,
            None,
            self._advance,
            self._window.concerns,
        )


def count(
    cluster: Cluster,
    registry: Registry,
    window: Window,
    spans: Mapping[Place, Sequence[Span]],
) -> int:
    """Return how many records of the spans lie in the window, by their event times.

    What can't be read has none, and is not counted.
    """
    decoding, total = Decoding(registry), 0
    for messages in reading.messages(cluster, spans):
        total += sum(window.holds(record.time) for record in decoding.batch(messages).records)
    return total
