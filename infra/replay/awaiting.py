"""Services and a replay wait for each other: for its beginning, and for what they decide in it."""

from collections.abc import Sequence
from time import monotonic

from infra.database import Database
from infra.database.seats import Seat, SeatStore
from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.registry import Registry
from infra.namespaces import replay_of
from infra.replay.outcome import NoSuchReplay
from infra.signals import Stop
from schemas.errors import EvctlError
from schemas.events.replays import ReplayStarted, ServicesInvited
from schemas.record import Position, from_headers
from schemas.repeats import epoch_line
from schemas.topics import REPLAY_CONTROL

_LOOK_S = 0.2
PATIENCE_S = 10.0
"""So long a service's seat may stand still before it counts as gone; it is kept every 2 s."""


class NotInvited(EvctlError):
    """A service is run in a replay that carries decisions."""

    exit_code = 78

    def __init__(self, service: str, replay: str) -> None:
        super().__init__(
            f"There is nothing for {service} to decide in the replay {replay}: it carries the "
            "recorded decisions. Replay again with --services, under another --id."
        )
        self.service, self.replay = service, replay


class NoStandIn(EvctlError):
    """A worker is run in a replay: it would touch the world for what is long past."""

    exit_code = 78

    def __init__(self, worker: str, replay: str) -> None:
        super().__init__(
            f"The worker {worker} touches the world, and does not for the replay {replay}: what it "
            "reported then is part of the recording."
        )
        self.worker, self.replay = worker, replay


class NotDecided(EvctlError):
    """A service has not handled all of a replay that it was invited to."""

    exit_code = 75

    def __init__(self, services: Sequence[str], namespace: str) -> None:
        super().__init__(
            f"{', '.join(services)} {'have' if services[1:] else 'has'} not handled all of the "
            "replay, so decisions can't be compared: run "
            f"`evctl --namespace {namespace.rstrip('.')} run {' '.join(services)} --once`."
        )
        self.services, self.namespace = services, namespace


def invitation(target: Cluster, registry: Registry) -> ServicesInvited | None:
    """Return what services were invited to, None in a replay that carries decisions.

    Raises `NoSuchReplay` where none has begun.
    """
    found = _begun(target, registry)
    if found is None:
        name = REPLAY_CONTROL.full_name(target.namespace)
        raise NoSuchReplay(replay_of(target.namespace) or target.namespace, name)
    return found[0]


def await_invitation(target: Cluster, registry: Registry, stop: Stop) -> ServicesInvited | None:
    """Wait until a replay begins, or a stop is asked for; then as `invitation`."""
    while (found := _begun(target, registry)) is None:
        if stop.wait(_LOOK_S):
            return None
    return found[0]


def _begun(target: Cluster, registry: Registry) -> tuple[ServicesInvited | None] | None:
    name = REPLAY_CONTROL.full_name(target.namespace)
    if name not in topics.existing(target):
        return None
    decode, place, invited = Decoder(registry).record, (name, 0), None
    spans = {place: [reading.whole(target, [place])[place]]}
    for batch in reading.messages(target, spans):
        for event in (decode(message).event for message in batch):
            if isinstance(event, ServicesInvited):
                invited = event
            if isinstance(event, ReplayStarted):
                return (invited,)
    return None


def handled(
    target: Cluster, database: Database, services: Sequence[str], stop: Stop, patience: float
) -> list[str]:
    """Return the services that have handled all there is now.

    One that has not, or has not even come, is waited for, as long as any gets on within
    `patience` s.
    """
    seats = SeatStore(database, target.namespace)
    ends = reading.whole(target, sorted({(s.topic, s.partition) for s in _of(seats, services)}))
    before, deadline = -1, 0.0
    while True:
        found = _of(seats, services)
        behind = [s for s in found if _has_more(target, s, ends[s.topic, s.partition][1], services)]
        done = sum(seat.next_offset + seat.epoch for seat in found)
        if done > before:
            before, deadline = done, monotonic() + patience
        if not behind or monotonic() > deadline or stop.wait(_LOOK_S):
            return sorted({seat.service for seat in found} - {seat.service for seat in behind})


def came(target: Cluster, database: Database, services: Sequence[str]) -> Sequence[str]:
    """Return the services that have decided in a replay, or begun to."""
    seats = _of(SeatStore(database, target.namespace), services)
    return sorted({seat.service for seat in seats if seat.epoch > 0})


def _has_more(target: Cluster, seat: Seat, end: int, services: Sequence[str]) -> bool:
    """Whether a replay has something that a service's snapshot does not know of.

    What services say there does not count, nor that somebody took over: else no two that run with
    `--once` were done.
    """
    spans = {(seat.topic, seat.partition): [(seat.next_offset, end)]}
    for batch in reading.messages(target, spans):
        for message in batch:
            position = Position(message.topic(), message.partition(), message.offset())
            source = from_headers(message.headers(), position).source
            is_said = source.partition("/")[0] in services
            if not is_said and not source.endswith(epoch_line("")):
                return True
    return False


def _of(seats: SeatStore, services: Sequence[str]) -> list[Seat]:
    return [seat for seat in seats.seats() if seat.service in services]
