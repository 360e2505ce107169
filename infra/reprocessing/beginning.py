"""Where services begin that decide anew: at the log's beginning, or with what a seal has kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from consumers import Service
from infra.log import reading
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.reading import Place, Span
from infra.serving.redeciding import Redeciding
from infra.serving.shelved import Shelved
from infra.windows import places_of
from schemas.topics import topic


@dataclass(frozen=True, slots=True)
class Begun:
    """Services ready to read: from which offsets, and the high-waters of what is before those."""

    seats: Sequence[Redeciding]
    starts: Mapping[Place, int]
    high_waters: Mapping[Place, dict[str, int]]

    def close(self) -> None:
        """Leave the log."""
        for seat in self.seats:
            seat.close()


def begin(
    cluster: Cluster,
    decoder: Decoder,
    services: Sequence[Service[Any]],
    settings: Mapping[str, Mapping[str, str]],
    shelved: Shelved,
    part: Mapping[Place, Sequence[Span]],
) -> Begun:
    """Return services at their input partitions, with what they knew some time before a part.

    `part` has rising offsets. With `settings` of a service, these are in force from there on.
    """
    seats, waters, starts = [], dict[Place, dict[str, int]](), dict[Place, int]()
    lows = reading.whole(cluster, list(part))
    for service in services:
        for place in places_of(cluster, [topic(name) for name in service.reads]):
            if place not in part:
                continue
            kept = shelved.newest(service, place, part[place][0][0])
            given = settings.get(service.name)
            seats.append(Redeciding(cluster, decoder, service, place, given, kept))
            start = max(lows[place][0], seats[-1].start)
            if start < starts.get(place, start + 1):
                starts[place] = start
                waters[place] = {} if kept is None else dict(kept.high_waters)
    return Begun(seats, starts, waters)
