"""Which shot runs, and which were asked for and are not begun: what the log says of it."""

from collections.abc import Sequence
from typing import NamedTuple

from infra.database.seats import SeatStore
from infra.log import reading
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.reading import Place
from infra.log.registry import Registry
from infra.replay.kinds import Kinds
from schemas import utc
from schemas.events.services import ServiceTookOver
from schemas.events.shots import (
    ShotByHandRequested,
    ShotExpired,
    ShotFinished,
    ShotOrder,
    ShotRequested,
    ShotStarted,
)
from schemas.record import AnyRecord
from schemas.repeats import Repeats
from schemas.topics import OBSERVATORY

WORKER = "shots"
_ASKED, _ENDED = (ShotRequested, ShotByHandRequested), (ShotFinished, ShotExpired)
_TOLD = (*_ASKED, ShotStarted, *_ENDED, ServiceTookOver)


class Asked(NamedTuple):
    """A shot that runs since `since` (µs UTC), or waits since then."""

    request: str
    order: ShotOrder
    since: int

    def __str__(self) -> str:
        since = utc.iso(self.since)
        return f"{self.order.shotid} (observation {self.order.obs_number}) since {since}"


class Shots(NamedTuple):
    """The shots that are not at their end: one may run, others wait."""

    running: Asked | None
    waiting: Sequence[Asked]

    @property
    def all(self) -> Sequence[Asked]:
        """The one that runs, and those that wait."""
        return [*([self.running] if self.running else []), *self.waiting]

    def __str__(self) -> str:
        """Say which shot runs or waits, and how many more."""
        first = f"it runs {self.running}" if self.running else f"{self.waiting[0]} waits for it"
        more = len(self.waiting) - (self.running is None)
        return f"{first}, and {more} more wait{'s' * (more == 1)}" if more else first


def place_of(cluster: Cluster) -> Place:
    """Return where all about shots is said."""
    return OBSERVATORY.full_name(cluster.namespace), 0


def shots(cluster: Cluster, registry: Registry, seats: SeatStore, now: int) -> Shots | None:
    """Return the shots that are not at their end; none where the worker has no seat yet.

    A worker keeps no snapshot while it is at a shot, so they are behind the last one.
    """
    place = place_of(cluster)
    found = [seat for seat in seats.seats() if (seat.service, seat.topic) == (WORKER, place[0])]
    if not found:
        return None
    (seat,) = found
    low, end = reading.whole(cluster, [place])[place]
    span = max(low, seat.next_offset, seat.decides_from), end
    running: dict[str, Asked] = {}
    waiting: dict[str, tuple[Asked, int]] = {}
    kinds, decode, repeats = Kinds(registry.decoder), Decoder(registry).record, Repeats()
    for batch in reading.messages(cluster, {place: [span]}):
        for record in (decode(message) for message in batch if kinds.of(message) in _TOLD):
            if not repeats.has(record):
                _fold(record, running, waiting)
    valid = [asked for asked, until in waiting.values() if until >= now]
    return Shots(next(iter(running.values()), None), valid)


def _fold(
    record: AnyRecord, running: dict[str, Asked], waiting: dict[str, tuple[Asked, int]]
) -> None:
    event = record.event
    if isinstance(event, _ASKED):
        request = str(record.id)
        waiting[request] = Asked(request, event.order, event.time), event.valid_until
    elif isinstance(event, ShotStarted):
        waiting.pop(event.request, None)
        running[event.request] = Asked(event.request, event.order, event.time)
    elif isinstance(event, _ENDED):
        waiting.pop(event.request, None)
        running.pop(event.request, None)
