"""How an instance becomes the one that decides about an input partition.

The epoch rises in SQL, so that no instance before can keep a snapshot; it is announced in every
output partition, so that readers pass over what such an instance still writes. What stands before
the announcement is adopted; only then is anything decided.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Protocol

from infra.clock import utc_micros
from infra.database.seats import Seat, SeatStore
from infra.dying import Point, reach
from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.reading import Place, Span
from infra.projecting import continuity
from infra.serving.keeping import Kept
from infra.serving.outputs import Outputs
from infra.serving.recorded import Recorded, highest_epoch
from schemas.events.services import ServiceTookOver, SettingsTookEffect
from schemas.record import AnyRecord, Provenance
from schemas.repeats import closing_line, epoch_line, opening_line, settings_line
from schemas.topics import bare_name


class Post(Protocol):
    """What is run at a seat: `deciding.Decider` or `working.Carrier`."""

    def is_own(self, record: AnyRecord) -> bool: ...
    def handle(self, record: AnyRecord, recorded: Recorded | None = None) -> None: ...
    def state_bytes(self) -> bytes: ...
    def opening(self, now: int) -> Any | None: ...
    def closing(self, now: int) -> Any | None: ...


@dataclass(frozen=True, slots=True)
class Role:
    """Which service or worker takes over, and under which settings.

    `post` makes what runs at a seat: of source, epoch, first offset decided about, outputs and
    snapshot.
    """

    name: str
    version: int
    layout: str
    settings: Mapping[str, str]
    post: Callable[[str, int, int, Outputs, Kept | None], Post]

    @property
    def settings_digest(self) -> str:
        """Digest of the settings."""
        return settings_digest(self.settings)


@dataclass(slots=True)
class Taken:
    """A seat that was taken over: what runs at it, what it has to adopt, and how far it is.

    The input is to be read from `next_offset`, which rises with each record that was handled; up to
    `until` its effects may be `recorded`. `last` is the last record that could be read.
    """

    seat: Seat
    post: Post
    next_offset: int
    until: int
    recorded: Recorded
    high_waters: dict[str, int]
    settings: str
    last: AnyRecord | None = None


def settings_digest(settings: Mapping[str, str]) -> str:
    """Return the digest of a service's settings."""
    said = "\n".join(f"{name}={value}" for name, value in sorted(settings.items()))
    return blake2b(said.encode(), digest_size=8).hexdigest()


def source_of(role: str, place: Place) -> str:
    """Return the source of what a service or worker says about an input partition."""
    return f"{role}/{bare_name(place[0])}/{place[1]}"


def take_over(
    cluster: Cluster, decoder: Decoder, store: SeatStore, role: Role, outputs: Outputs, place: Place
) -> Taken:
    """Become the instance that has a seat; raise `LogDiverged` or `LogTruncated` of its input.

    A snapshot of another version, or of another form of the state, does not count: the input is
    read from its beginning, with all effects adopted.
    """
    real = topics.describe(cluster, [place[0]])[place[0]]
    on_log = reading.whole(cluster, [place])[place]
    seat = store.take(role.name, place, real.id, on_log[1])
    reach(Point.EPOCH_RAISED)
    continuity.check(cluster, place, seat, real, on_log)
    fits = seat.kept is not None and seat.layout == role.layout
    kept = Kept.from_bytes(seat.kept) if fits and seat.kept is not None else None
    source = source_of(role.name, place)
    # the database may have lost a seat that the log knows, or is an older copy
    known = highest_epoch(cluster, source, outputs.places, {} if kept is None else kept.outputs)
    seat = store.raise_above(seat, known)
    announced = outputs.announce(
        _announcement(role, place, seat.epoch),
        Provenance(epoch_line(source), seat.epoch, epoch=seat.epoch),
    )
    reach(Point.ANNOUNCED)
    spans = _spans(cluster, announced, kept)
    decides_from = max(seat.decides_from, seat.next_offset if kept is None else 0)
    return Taken(
        seat._replace(decides_from=decides_from),
        role.post(source, seat.epoch, decides_from, outputs, kept),
        on_log[0] if kept is None else kept.next_offset,
        reading.whole(cluster, [place])[place][1],
        Recorded(cluster, decoder, source, spans, -1 if kept is None else kept.epoch),
        {} if kept is None else dict(kept.high_waters),
        "" if kept is None else kept.settings,
    )


def _announcement(role: Role, place: Place, epoch: int) -> ServiceTookOver:
    topic, partition = bare_name(place[0]), place[1]
    now, digest = utc_micros(), role.settings_digest
    return ServiceTookOver(now, role.name, topic, partition, epoch, role.version, digest)


def _spans(
    cluster: Cluster, announced: Mapping[Place, int], kept: Kept | None
) -> Mapping[Place, Span]:
    """Return where effects may stand that are not in the snapshot."""
    first = {place: low for place, (low, _) in reading.whole(cluster, list(announced)).items()}
    known = {} if kept is None else kept.outputs
    return {
        place: (max(first[place], known.get(place, 0)), end) for place, end in announced.items()
    }


Own = tuple[Any, Provenance]
"""What an instance says of itself, which is input to it."""


def own_records(role: Role, taken: Taken) -> Sequence[Own]:
    """Return what an instance says once it has adopted the past.

    It is the service's opening, and its settings, if others are in force or none. A replay carries
    those of its window.
    """
    now, said = utc_micros(), []
    opening = taken.post.opening(now)
    if opening is not None:
        said.append((opening, _own(role, taken, opening_line)))
    if role.settings and taken.settings != role.settings_digest:
        event = SettingsTookEffect(now, role.name, role.settings, role.settings_digest)
        said.append((event, _own(role, taken, settings_line)))
    return said


def closing_record(role: Role, taken: Taken) -> Own | None:
    """Return what an instance says when it was asked to end."""
    closing = taken.post.closing(utc_micros())
    return None if closing is None else (closing, _own(role, taken, closing_line))


def _own(role: Role, taken: Taken, line: Callable[[str], str]) -> Provenance:
    seat = taken.seat
    source = line(source_of(role.name, (seat.topic, seat.partition)))
    return Provenance(source, seat.epoch, epoch=seat.epoch)
