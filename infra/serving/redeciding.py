"""A service gone through the log once more: what it concluded then, and what it concludes now.

Nothing is appended. About some records the recorded effects are adopted, as a take-over does; about
the others the service decides anew, as if nothing were recorded of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from consumers import Service
from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.reading import Place
from infra.serving.deciding import Decider
from infra.serving.keeping import Kept
from infra.serving.outputs import Encoding
from infra.serving.recorded import Recorded
from infra.serving.taking_over import settings_digest, source_of
from infra.windows import places_of
from schemas import framing
from schemas.declare import time_field
from schemas.events.services import SettingsTookEffect
from schemas.record import AnyRecord, Position, Provenance, Record
from schemas.topics import Topic, topic

_ALL = 1 << 62
"""An offset below which every record is: nothing is decided about those."""


class Concluded(NamedTuple):
    """What followed from one record, by the recording and now."""

    recorded: Sequence[AnyRecord]
    new: Sequence[AnyRecord]


_NOTHING = Concluded((), ())


class Redeciding:
    """A service at one input partition, from the log's beginning on; close it when done.

    With what it `kept` it begins behind that; `start` is the first offset that it takes note of.
    With `settings`, these are in force from the first record that is decided about anew, and what
    the recording says of the service's settings is passed over from there on.
    """

    def __init__(
        self,
        cluster: Cluster,
        decoder: Decoder,
        service: Service[Any],
        place: Place,
        settings: Mapping[str, str] | None = None,
        kept: Kept | None = None,
    ) -> None:
        self.name, self.place = service.name, place
        self.start = 0 if kept is None else kept.next_offset
        self.settings = "" if kept is None else kept.settings
        """Digest of those in force; none, where nothing is known of any."""
        self._service, self._given = service, settings
        writes = [topic(name) for name in service.writes]
        partitions = _partitions(cluster, writes)
        self._basket = _Basket(Encoding(cluster.namespace, partitions, lambda _: framing.prefix(0)))
        source = source_of(service.name, place)
        self._decider = Decider(service, source, 0, _ALL, self._basket, kept)
        known, epoch = ({}, -1) if kept is None else (kept.outputs, kept.epoch)
        spans = {
            out: (max(low, known.get(out, 0)), end)
            for out, (low, end) in reading.whole(cluster, places_of(cluster, writes)).items()
        }
        self._recorded = Recorded(cluster, decoder, source, spans, epoch)
        self._adopting = True

    def is_input(self, record: AnyRecord) -> bool:
        """Whether the service takes note of a record: not of its own."""
        return record.position.offset >= self.start and not self._decider.is_own(record)

    def adopt(self, record: AnyRecord) -> None:
        """Fold a record and what is recorded to follow from it."""
        self._note(record)
        self._decider.handle(record, self._recorded)

    def decide(self, record: AnyRecord) -> Concluded:
        """Fold a record and what follows from it now; return that, and what is recorded."""
        if self._adopting:
            self.begin(record.time)
        decider, offset = self._decider, record.position.offset
        found = self._recorded.take(offset)
        if not self._given or not self._is_of_settings(record):
            self._note(record)
            decider.decides_from = 0
            decider.handle(record)
            decider.decides_from = _ALL
        if not found and not self._basket.sent:
            return _NOTHING
        # causes below are gone from the log, or were written twice: nothing is to be decided
        recorded = [one.record for one in found if one.cause == offset]
        return Concluded(recorded, self._basket.taken(record))

    def begin(self, time: int) -> None:
        """Adopt no more; the settings that were given are in force from `time` on (µs UTC)."""
        self._adopting = False
        if self._given:
            digest = settings_digest(self._given)
            event = SettingsTookEffect(time, self.name, self._given, digest)
            at = Position(*self.place, 0)
            record: AnyRecord = Record(event, Provenance(self.name, 0), None, time, at)
            self._note(record)
            self._decider.state = self._service.evolve(self._decider.state, record)

    def kept(self, high_waters: Mapping[str, int]) -> Kept:
        """Return the state as a snapshot that a seat elsewhere begins with, at offset 0."""
        state = self._decider.state_bytes()
        return Kept(0, 0, high_waters, settings=self.settings, state=state)

    def close(self) -> None:
        """Leave the log."""
        self._recorded.close()

    def _is_of_settings(self, record: AnyRecord) -> bool:
        event = record.event
        return isinstance(event, SettingsTookEffect) and event.service == self.name

    def _note(self, record: AnyRecord) -> None:
        if self._is_of_settings(record):
            self.settings = record.event.digest


def _partitions(cluster: Cluster, wanted: Sequence[Topic]) -> Mapping[Topic, int]:
    """Return how many partitions each topic has, or would get."""
    there = set(topics.existing(cluster))
    names = [one.full_name(cluster.namespace) for one in wanted]
    real = topics.describe(cluster, [name for name in names if name in there])
    return {
        one: real[name].partitions if name in real else one.partitions
        for one, name in zip(wanted, names, strict=True)
    }


@dataclass(slots=True)
class _Basket:
    """Takes what is decided, in the place of the log."""

    encoding: Encoding
    sent: list[tuple[Any, Provenance]] = field(default_factory=list)

    def encoded(self, event: Any) -> Any:
        """Return an event; raise for one that the log would not take."""
        self.encoding.encoded(event)
        return event

    def send(self, event: Any, provenance: Provenance) -> None:
        self.sent.append((event, provenance))

    def place_of(self, event: Any) -> Place:
        return self.encoding.place_of(event)

    def taken(self, cause: AnyRecord) -> Sequence[AnyRecord]:
        """Return what was decided about a record, as records at the cause's offset."""
        sent, self.sent = self.sent, []
        return [
            Record(
                event,
                provenance,
                event.record_key,
                getattr(event, time_field(type(event))),
                Position(*self.place_of(event), cause.position.offset),
            )
            for event, provenance in sent
        ]
