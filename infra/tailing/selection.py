"""Which records of a topic are shown, and the records themselves."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice

from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.reading import Message, Place, Span
from infra.log.registry import Registry
from infra.signals import Stop
from infra.tailing import offsets
from infra.tailing.following import following
from infra.tailing.last import last
from infra.tailing.shown import Shown, Wanted, shown
from schemas.topics import Topic


class Edge(Enum):
    """An end of what the log holds."""

    START = "start"
    END = "end"


@dataclass(frozen=True, slots=True)
class Selection:
    """What to show of a topic; `start` is an edge, an offset, or none for the last records.

    An event time to start at is `wanted.since`. `most` counts from the start on, or from the end
    where there is none.
    """

    topic: Topic
    start: Edge | int | None = None
    partition: int | None = None
    most: int | None = None
    wanted: Wanted = field(default_factory=Wanted)
    follow: bool = False


def select(cluster: Cluster, selection: Selection, stop: Stop) -> Iterator[list[Shown]]:
    """Yield the records in batches as they are read, until the end or the wish to stop."""
    name = selection.topic.full_name(cluster.namespace)
    partitions = topics.describe(cluster, [name])[name].partitions
    held = reading.whole(cluster, offsets.places(name, partitions, selection.partition))
    decoder = Decoder(Registry(cluster))
    if selection.start is None and selection.wanted.since is None and selection.most is not None:
        yield last(cluster, decoder, held, selection.wanted, selection.most)
        spans, most = {place: (end, end) for place, (_, end) in held.items()}, None
    else:
        spans, most = _spans(cluster, selection, held), selection.most
    left = most
    for batch in _messages(cluster, spans, stop, follow=selection.follow):
        found = list(islice(shown(batch, decoder, selection.wanted), left))
        yield found
        if left is not None:
            left -= len(found)
            if left == 0:
                return


def _spans(cluster: Cluster, selection: Selection, held: dict[Place, Span]) -> dict[Place, Span]:
    start = selection.start
    if isinstance(start, int):
        return offsets.from_offset(held, start, may_wait=selection.follow)
    if start is Edge.END:
        return {place: (end, end) for place, (_, end) in held.items()}
    if selection.wanted.since is not None:
        return offsets.from_time(cluster, held, selection.wanted.since)
    return held


def _messages(
    cluster: Cluster, spans: dict[Place, Span], stop: Stop, *, follow: bool
) -> Iterator[Iterable[Message]]:
    for batch in reading.messages(cluster, {place: [span] for place, span in spans.items()}):
        if stop.requested:
            return
        yield batch
    if follow:
        yield from following(cluster, {place: end for place, (_, end) in spans.items()}, stop)
