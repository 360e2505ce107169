"""The one order of a replay: merge time, topic, partition, offset.

A record's merge time is the running maximum of event time in its partition, so that a record that
was logged late stays where its partition has it. The order depends on the records alone.
"""

from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from typing import TypeVar

_T = TypeVar("_T")
_Place = tuple[str, int]
_Rank = tuple[int, _Place, int]


def in_order(partitions: Mapping[_Place, Iterable[tuple[int, _T]]]) -> Iterator[tuple[int, _T]]:
    """Yield (merge time, item) of all partitions, each given as (event time, item) in its order.

    It holds one item of each partition: a partition is read when its turn has come.
    """
    for rank, item in merge(*(_ranked(place, items) for place, items in partitions.items())):
        yield rank[0], item


def _ranked(place: _Place, items: Iterable[tuple[int, _T]]) -> Iterator[tuple[_Rank, _T]]:
    """Give each item its rank, which no other item has: so two items are never compared."""
    latest: int | None = None
    for number, (time, item) in enumerate(items):
        latest = time if latest is None or time > latest else latest
        yield (latest, place, number), item
