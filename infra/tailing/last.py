"""The newest records of a topic, found from its end."""

import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter

from infra.log import reading
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.reading import Place, Span
from infra.tailing.shown import Shown, Wanted, shown
from schemas.record import Position

_FURTHER = 4
"""How many times as far back each look goes, where the one before has not found enough."""


def last(
    cluster: Cluster, decoder: Decoder, held: Mapping[Place, Span], wanted: Wanted, most: int
) -> list[Shown]:
    """Return the newest `most` wanted records of what the partitions hold, oldest first.

    Each partition is in its own order; among partitions time decides.
    """
    newest = [_last_of(cluster, decoder, place, span, wanted, most) for place, span in held.items()]
    merged = heapq.merge(*map(_timed, newest), key=itemgetter(0, 1))
    return [found for _, _, found in deque(merged, maxlen=most)]


def _last_of(
    cluster: Cluster, decoder: Decoder, place: Place, span: Span, wanted: Wanted, most: int
) -> deque[Shown]:
    low, end = span
    found: deque[Shown] = deque(maxlen=most)
    reach = most
    while low < end and len(found) < most:
        start = max(low, end - reach)
        older: deque[Shown] = deque(maxlen=most - len(found))
        for batch in reading.messages(cluster, {place: [(start, end)]}):
            older.extend(shown(batch, decoder, wanted))
        found.extendleft(reversed(older))
        end, reach = start, reach * _FURTHER
    return found


def _timed(records: Iterable[Shown]) -> Iterator[tuple[int, Position, Shown]]:
    """Yield the records with the latest time up to each, so that merging keeps their order."""
    latest = None
    for found in records:
        latest = found.time if latest is None else max(latest, found.time)
        yield latest, found.position, found
