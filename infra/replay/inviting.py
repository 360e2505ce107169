"""A replay that services are invited to: what it carries for them, and what they know at its begin.

They know what they did when the window began: their state is made from the log before, with all
that they decided there, and waits for them in the replay's seats.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, NamedTuple

from consumers import Service
from infra import clock
from infra.database import Database
from infra.database.seats import Seat, SeatStore
from infra.log import reading
from infra.log.batches import Decoding
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.reading import Place
from infra.log.registry import Registry
from infra.projecting.judging import Verifying
from infra.quarantine.fates import Fates
from infra.replay.closed import LockStep
from infra.replay.event_time import EventTimes
from infra.replay.feed import Feed
from infra.replay.kinds import Kinds
from infra.replay.reported import Reported, ReportedFeed
from infra.replay.ticks import Clockwork
from infra.reprocessing.beginning import begin
from infra.reprocessing.concluding import Concluding
from infra.serving.comparing import Comparison
from infra.serving.keeping import Kept
from infra.serving.redeciding import Redeciding
from infra.serving.shelved import Shelved
from infra.ticking import SOURCE
from infra.windows import Window
from producers.telescope.answering import PLAYED
from schemas import avro, framing
from schemas.events.replays import ServicesInvited
from schemas.events.ticks import TimePassed
from schemas.repeats import epoch_line
from schemas.topics import OBSERVATORY, bare_name, topic

OPEN, CLOSED = "open", "closed"
RECORDED, PRESENT = "recorded", "present"


class Known(NamedTuple):
    """What a service knows of an input partition (of the log) when the window begins."""

    service: Service[Any]
    place: Place
    kept: Kept


@dataclass
class Invitation:
    """Who decides in a replay; `settings` are those of the site, where they are to be in force.

    `windows_without_ticks` are names. With a `lock_step`, made for what says that it has to stop,
    the loop is closed.
    """

    source: Cluster
    registry: Registry
    services: Sequence[Service[Any]]
    settings: Mapping[str, Mapping[str, str]]
    windows_without_ticks: Sequence[str]
    begun: Sequence[Known]
    lock_step: Callable[[Callable[[], bool]], LockStep] | None = None
    reported: Reported = field(init=False)

    def __post_init__(self) -> None:
        kinds = Kinds(self.registry.decoder)
        names = frozenset(service.name for service in self.services)
        played = frozenset() if self.lock_step is None else PLAYED
        self.reported = Reported(kinds, names, settings=not self.settings, played=played)

    def feed(
        self,
        cluster: Cluster,
        window: Window,
        times: EventTimes,
        stopped: Callable[[], bool],
        **bounds: Any,
    ) -> Feed:
        """Return what the replay carries of a window, as `Feed` takes its arguments."""
        clockwork = None
        if window.name in self.windows_without_ticks:
            place = (OBSERVATORY.full_name(cluster.namespace), 0)
            prefix = framing.prefix(self.registry.register_event(TimePassed))
            clockwork = Clockwork(place, avro.writer(TimePassed, prefix))
        lock_step = None if self.lock_step is None else self.lock_step(stopped)
        return ReportedFeed(
            *(cluster, window, times, stopped, self.reported, clockwork, lock_step), **bounds
        )

    def event(self, replay: str) -> ServicesInvited:
        """Return the record that services in the replay wait for."""
        return ServicesInvited(
            clock.utc_micros(),
            replay,
            sorted({begun.service.name for begun in self.begun}),
            OPEN if self.lock_step is None else CLOSED,
            PRESENT if self.settings else RECORDED,
            list(self.windows_without_ticks),
        )

    def lay_out(self, database: Database, target: Cluster) -> None:
        """Write the seats of the replay, each with what its service knows."""
        seats = SeatStore(database, target.namespace)
        seats.create()
        seats.replace([_seat(begun, target) for begun in self.begun])


def _seat(begun: Known, target: Cluster) -> Seat:
    name, partition = begun.place
    return Seat(
        service=begun.service.name,
        topic=topic(bare_name(name)).full_name(target.namespace),
        partition=partition,
        epoch=0,
        next_offset=0,
        decides_from=0,
        topic_id="",
        last_id=None,
        last_offset=None,
        layout=begun.service.layout,
        kept=begun.kept.to_bytes(),
    )


def invite(
    cluster: Cluster,
    registry: Registry,
    services: Sequence[Service[Any]],
    settings: Mapping[str, Mapping[str, str]],
    windows: Sequence[Window],
    shelved: Shelved,
    advance: Callable[[int], None],
    lock_step: Callable[[Callable[[], bool]], LockStep] | None = None,
) -> Invitation:
    """Return an invitation to a replay of windows of a log.

    The log before the first window is read, and a window without ticks once.
    """
    without = [window.name for window in windows if lacks_ticks(cluster, registry, window)]
    begun = known_before(cluster, registry, services, settings, windows[0], shelved, advance)
    if without:
        begun = [one._replace(kept=_without_ticks(one.kept)) for one in begun]
    return Invitation(cluster, registry, services, settings, without, begun, lock_step)


def _without_ticks(kept: Kept) -> Kept:
    """Return a snapshot that takes any tick for news: an old recording may come after new ticks."""
    return replace(kept, high_waters={s: n for s, n in kept.high_waters.items() if s != SOURCE})


def lacks_ticks(cluster: Cluster, registry: Registry, window: Window) -> bool:
    """Whether a window has records where ticks would stand, and none is one."""
    kinds, times = Kinds(registry.decoder), EventTimes(registry.decoder)
    inside = times.within(window.start, window.end)
    name = OBSERVATORY.full_name(cluster.namespace)
    spans = {place: spans for place, spans in window.ranges.items() if place[0] == name}
    messages = chain.from_iterable(reading.messages(cluster, spans))
    found = any(kinds.of(message) is TimePassed and inside(message) for message in messages)
    return bool(spans) and not found


def known_before(
    cluster: Cluster,
    registry: Registry,
    services: Sequence[Service[Any]],
    settings: Mapping[str, Mapping[str, str]],
    window: Window,
    shelved: Shelved,
    advance: Callable[[int], None],
) -> Sequence[Known]:
    """Return what services knew when a window began, by what is recorded."""
    begun = begin(cluster, Decoder(registry), services, settings, shelved, window.ranges)
    judge = Verifying(Fates(cluster, registry), cluster.namespace)
    judge.refresh()
    concluding = Concluding(begun, lambda _: False, judge, Comparison(0))
    spans = {place: [(start, window.ranges[place][0][0])] for place, start in begun.starts.items()}
    decoding = Decoding(registry)
    with closing(begun):
        for messages in reading.messages(cluster, spans):
            concluding.take(decoding.batch(messages))
            advance(len(messages))
    by_name = {service.name: service for service in services}
    return [
        Known(by_name[seat.name], seat.place, _kept(seat, concluding, window))
        for seat in begun.seats
    ]


def _kept(seat: Redeciding, concluding: Concluding, window: Window) -> Kept:
    seat.begin(window.start or 0)
    waters = concluding.high_waters.get(seat.place, {})
    return seat.kept(
        {
            source: seq
            for source, seq in waters.items()
            if epoch_line(source) not in waters and not source.endswith(epoch_line(""))
        }
    )
