"""What services decided in a replay, compared with what is recorded of its window."""

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from itertools import chain, zip_longest

from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.reading import Message, Place, Span
from infra.log.registry import Registry
from infra.serving.comparing import Comparison, Only, service_of
from infra.serving.recorded import effect
from infra.windows import Window
from schemas.record import AnyRecord, Position, from_headers
from schemas.repeats import is_news
from schemas.topics import RECORDED, bare_name

_SAID_MORE = 2
"""Headers of what is more than reported: a decision has its cause and an epoch, too."""


class Decisions:
    """Reads decisions of some services from a log, each once."""

    def __init__(self, cluster: Cluster, registry: Registry, services: frozenset[str]) -> None:
        self._cluster, self._decode = cluster, Decoder(registry).record
        self._services = services
        self._waters: dict[Place, MutableMapping[str, int]] = {}

    def of(self, spans: Mapping[Place, Sequence[Span]]) -> Iterator[list[AnyRecord]]:
        """Yield the decisions in the spans, some at once."""
        for batch in reading.messages(self._cluster, spans):
            yield [record for message in batch for record in self._of(message)]

    def _of(self, message: Message) -> Iterator[AnyRecord]:
        headers = message.headers()
        if headers is None or len(headers) < _SAID_MORE:
            return
        position = Position(message.topic(), message.partition(), message.offset())
        provenance = from_headers(headers, position)
        waters = self._waters.setdefault(position[:2], {})
        if provenance.epoch is None or not is_news(provenance, waters):
            return
        if provenance.cause is not None and provenance.source.partition("/")[0] in self._services:
            yield self._decode(message)


def compared(
    source: Cluster,
    target: Cluster,
    registry: Registry,
    windows: Sequence[Window],
    services: Sequence[str],
    limit: int,
) -> Comparison:
    """Return how the decisions in a replay (`target`) and those recorded of its windows agree."""
    names = frozenset(services)
    comparison = Comparison(limit)
    recorded = _recorded(source, registry, names, windows)
    new = Decisions(target, registry, names).of(_whole(target))
    for before, now in zip_longest(recorded, new, fillvalue=()):
        for record in before:
            comparison.add(Only.RECORDED, record)
        for record in now:
            comparison.add(Only.NEW, record)
    return comparison.finish()


def deciders(
    source: Cluster, registry: Registry, windows: Sequence[Window], services: Sequence[str]
) -> Sequence[str]:
    """Return the services of which decisions are recorded in windows."""
    recorded = chain.from_iterable(_recorded(source, registry, frozenset(services), windows))
    return sorted({service_of(record) for record in recorded})


def _whole(cluster: Cluster) -> dict[Place, list[Span]]:
    there = set(topics.existing(cluster))
    names = [one.full_name(cluster.namespace) for one in RECORDED]
    real = topics.describe(cluster, [name for name in names if name in there])
    places = [(name, n) for name, found in real.items() for n in range(found.partitions)]
    return {place: [span] for place, span in reading.whole(cluster, places).items()}


def _recorded(
    source: Cluster, registry: Registry, services: frozenset[str], windows: Sequence[Window]
) -> Iterator[list[AnyRecord]]:
    for window in windows:
        decisions = Decisions(source, registry, services)  # nights need not lie in order
        by_time = window.start is not None or window.end is not None
        spans = window.ranges if by_time else _to_the_end(source, window)
        for records in decisions.of(spans):
            yield [record for record in records if _is_of(record, window)]


def _to_the_end(source: Cluster, window: Window) -> Mapping[Place, Sequence[Span]]:
    """Return what may hold decisions about a window of offsets: they stand behind it, too."""
    ends = {place: end for place, (_, end) in reading.whole(source, list(window.ranges)).items()}
    return {place: [(spans[0][0], ends[place])] for place, spans in window.ranges.items()}


def _is_of(record: AnyRecord, window: Window) -> bool:
    """Whether a decision is about one of the window's records."""
    if not window.holds(record.time):
        return False
    _, topic, partition = record.provenance.source.split("/")[:3]
    cause = effect(record).cause
    for (name, number), spans in window.ranges.items():
        if bare_name(name) == topic and number == int(partition):
            return any(start <= cause < end for start, end in spans)
    return False
