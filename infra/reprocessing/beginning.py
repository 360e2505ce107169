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
class Deciders:
    """Services that decide anew about a part of the log, by input partition.

    `part` is what the log is read for, rising offsets. With `settings` of a service, these are in
    force from there on.
    """

    cluster: Cluster
    services: Sequence[Service[Any]]
    settings: Mapping[str, Mapping[str, str]]
    shelved: Shelved
    part: Mapping[Place, Sequence[Span]]

    def begun(self, decoder: Decoder) -> "Begun":
        """Return the services at their input partitions, with what they knew some time before."""
        seats, waters, starts = [], dict[Place, dict[str, int]](), dict[Place, int]()
        lows = reading.whole(self.cluster, list(self.part))
        for service in self.services:
            for place in places_of(self.cluster, [topic(name) for name in service.reads]):
                if place not in self.part:
                    continue
                kept = self.shelved.newest(service, place, self.part[place][0][0])
                given = self.settings.get(service.name)
                seats.append(Redeciding(self.cluster, decoder, service, place, given, kept))
                start = max(lows[place][0], seats[-1].start)
                if start < starts.get(place, start + 1):
                    starts[place] = start
                    waters[place] = {} if kept is None else dict(kept.high_waters)
        return Begun(seats, starts, waters)


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
