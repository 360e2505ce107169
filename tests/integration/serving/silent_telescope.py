"""A telescope that falls silent, and what has to be decided about it, by a plain model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from consumers.silence import service
from infra.clock import utc_micros
from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.serving.recorded import effect
from schemas.events.notices import NoticeRequested
from schemas.events.services import ServiceTookOver
from schemas.events.tcs import TcsEvent
from schemas.events.ticks import TimePassed
from schemas.record import AnyRecord, Record
from schemas.repeats import Repeats
from schemas.topics import OBSERVATORY
from schemas.utc import MICROS

ALLOWED_S = 5.0


class Telescope:
    """Publishes TCS events and ticks; its time goes on by itself, from the present."""

    def __init__(self, cluster: Cluster, source: str = "telescope") -> None:
        self.cluster = cluster
        topics.ensure(cluster, [OBSERVATORY])
        self._publisher = Publisher(cluster, Registry(cluster), OBSERVATORY, source)
        self.now = utc_micros()

    def speak(self, system: str = "tcs") -> None:
        """Let a system say something."""
        event = TcsEvent(self.now, self.now, system, "tracker", "position", False, {"x": 1.0}, {})
        self._publisher.publish(event)

    def wait(self, seconds: int) -> None:
        """Let time pass, a tick a second."""
        for _ in range(seconds):
            self.now += MICROS
            self._publisher.publish(TimePassed(self.now))

    def fall_silent(self, times: int = 1, system: str = "tcs") -> None:
        """Speak, and say nothing for longer than is allowed; so often."""
        for _ in range(times):
            self.speak(system)
            self.wait(int(ALLOWED_S) + 2)
        self.flush()

    def flush(self) -> None:
        """Wait until all that was said is on the log."""
        self._publisher.flush()


def observatory(cluster: Cluster) -> list[AnyRecord]:
    """Return the records of `observatory`, without those that add nothing."""
    place = (OBSERVATORY.full_name(cluster.namespace), 0)
    decode, repeats = Decoder(Registry(cluster)).record, Repeats()
    spans = {place: [reading.whole(cluster, [place])[place]]}
    return [
        record
        for batch in reading.messages(cluster, spans)
        for record in map(decode, batch)
        if not repeats.has(record)
    ]


@dataclass(frozen=True)
class Decision:
    """An event that was decided, or has to be: from which record, and which of its effects."""

    cause: int
    number: int
    event: Any


def decided(records: Sequence[AnyRecord], name: str = "silence") -> list[Decision]:
    """Return what a service has decided, as it stands on the log."""
    found = []
    for record in records:
        if record.provenance.cause is not None and record.provenance.source.startswith(f"{name}/"):
            one = effect(record)
            found.append(Decision(one.cause, one.number, record.event))
    return found


def to_decide(records: Sequence[AnyRecord], first: int) -> list[Decision]:
    """Return what `silence` has to decide about the records from offset `first` on."""
    silence, found = service(), []
    state = silence.initial
    for record in inputs(records):
        events = silence.decide(state, record) if record.position.offset >= first else []
        state = silence.evolve(state, record)
        for number, event in enumerate(events):
            found.append(Decision(record.position.offset, number, event))
            state = silence.evolve(state, Record(event, record.provenance, None, 0, record[4]))
    return found


def inputs(records: Sequence[AnyRecord]) -> Iterator[AnyRecord]:
    """Yield the records that `silence` decides about: those of others."""
    for record in records:
        own = record.provenance.source.startswith("silence/") and record.provenance.cause
        if not own and not isinstance(record.event, ServiceTookOver):
            yield record


def of_class(records: Sequence[AnyRecord], *classes: type) -> list[AnyRecord]:
    """Return the records of these events."""
    return [record for record in records if isinstance(record.event, classes)]


def requests(records: Sequence[AnyRecord]) -> list[AnyRecord]:
    """Return the notices that were asked for."""
    return of_class(records, NoticeRequested)
