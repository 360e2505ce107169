"""What a seal says of a night, and its text: JSON, on the topic `seals` and in `seal.json`."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from infra.database import PositionRow
from infra.log.reading import Place
from schemas.errors import EvctlError
from schemas.topics import bare_name, topic

FORMAT = 1


class SealTooNew(EvctlError):
    """A later version of evctl wrote a seal."""

    exit_code = 78

    def __init__(self, found: object) -> None:
        super().__init__(
            f"The topic seals has a seal of format {found}, and this evctl knows up to {FORMAT}: "
            "use the version that made it, or a later one."
        )
        self.found = found


class Stretch(NamedTuple):
    """Some of a night's records that follow each other in a partition: `first` to `last` offset."""

    first: int
    last: int
    records: int
    digest: str

    @property
    def is_dense(self) -> bool:
        """Whether no other night's records stand in between."""
        return self.last - self.first + 1 == self.records


@dataclass(frozen=True, slots=True)
class SealedPartition:
    """What a partition had of a night. `topic` is without namespace, `closing` where it ended."""

    topic: str
    partition: int
    topic_id: str
    closing: int
    records: int
    digest: str
    stretches: tuple[Stretch, ...]

    def place(self, namespace: str) -> Place:
        """Return the partition as the cluster names it."""
        return topic(self.topic).full_name(namespace), self.partition


@dataclass(frozen=True, slots=True)
class SealedView:
    """What a view showed: all rows as of `positions`, and those of the night.

    A view whose rows are of the whole log has no `night_digest`. `file` is the snapshot's name
    beside seal.json, `file_digest` that of its bytes. Positions are (topic without namespace,
    partition, next offset).
    """

    view: str
    definition: str
    rows: int
    digest: str
    night_rows: int
    night_digest: str | None
    positions: tuple[tuple[str, int, int], ...]
    file: str
    file_digest: str

    def next_offsets(self, namespace: str) -> Mapping[Place, int]:
        """Return up to which offset each partition was read, as the cluster names it."""
        return {
            (topic(name).full_name(namespace), partition): offset
            for name, partition, offset in self.positions
        }


@dataclass(frozen=True, slots=True)
class SealedSchema:
    """A schema that records of the night are written in; the fingerprint is CRC-64-AVRO."""

    id: int
    name: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class SealedStanding:
    """The records with the last known values of all that happened before `until` (µs UTC).

    Places are (topic without namespace, partition, offsets).
    """

    until: int
    places: tuple[tuple[str, int, tuple[int, ...]], ...]

    def text(self) -> dict[str, Any]:
        """Return it for JSON, a partition a line."""
        return {
            "until": self.until,
            "places": [f"{t}/{p}: {' '.join(map(str, offsets))}" for t, p, offsets in self.places],
        }


@dataclass(frozen=True, slots=True)
class Standings:
    """What stood at the night's end, and of all that was on the log, for replays to begin with."""

    night: SealedStanding
    log: SealedStanding


@dataclass(frozen=True, slots=True)
class Seal:
    """What there was of a night at `time`, µs UTC."""

    night: str
    version: int
    time: int
    program: str
    partitions: tuple[SealedPartition, ...]
    views: tuple[SealedView, ...]
    schemas: tuple[SealedSchema, ...]
    standings: Standings | None = None

    @property
    def records(self) -> int:
        """How many records the night had."""
        return sum(partition.records for partition in self.partitions)

    def text(self) -> str:
        """Return the seal as JSON, the same text for the same seal."""
        said = {"format": FORMAT, **asdict(self)}
        for plain, partition in zip(said["partitions"], self.partitions, strict=True):
            plain["stretches"] = [
                f"{s.first}-{s.last} {s.records} {s.digest}" for s in partition.stretches
            ]
        if self.standings is None:  # as in seals of before there were any
            del said["standings"]
        else:
            said["standings"] = {
                "night": self.standings.night.text(),
                "log": self.standings.log.text(),
            }
        return json.dumps(said, indent=1) + "\n"


def positions_of(rows: Mapping[Place, PositionRow]) -> tuple[tuple[str, int, int], ...]:
    """Return up to which offsets tables were read, for a seal."""
    return tuple(
        (bare_name(name), partition, row.next_offset)
        for (name, partition), row in sorted(rows.items())
    )


def from_text(text: str) -> Seal:
    """Return the seal of a text; raise `SealTooNew`."""
    said: dict[str, Any] = json.loads(text)
    if said.pop("format") != FORMAT:
        raise SealTooNew(json.loads(text)["format"])
    said["partitions"] = tuple(_partition(plain) for plain in said["partitions"])
    said["views"] = tuple(_view(plain) for plain in said["views"])
    said["schemas"] = tuple(SealedSchema(**plain) for plain in said["schemas"])
    standings = said.pop("standings", None)
    if standings is not None:
        standings = Standings(_standing(standings["night"]), _standing(standings["log"]))
    return Seal(**said, standings=standings)


def _standing(plain: dict[str, Any]) -> SealedStanding:
    places = []
    for line in plain["places"]:
        place, _, offsets = line.partition(": ")
        name, _, partition = place.rpartition("/")
        places.append((name, int(partition), tuple(map(int, offsets.split()))))
    return SealedStanding(plain["until"], tuple(places))


def _partition(plain: dict[str, Any]) -> SealedPartition:
    stretches = tuple(_stretch(line) for line in plain.pop("stretches"))
    return SealedPartition(**plain, stretches=stretches)


def _stretch(line: str) -> Stretch:
    span, records, digest = line.split(" ")
    first, _, last = span.partition("-")
    return Stretch(int(first), int(last), int(records), digest)


def _view(plain: dict[str, Any]) -> SealedView:
    positions = tuple((name, partition, offset) for name, partition, offset in plain["positions"])
    return SealedView(**{**plain, "positions": positions})
