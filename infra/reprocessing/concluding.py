"""The log's records with decisions made anew, each where the recorded one stood.

A decision that nobody recorded stands right behind its cause. One that is not made any more is
left out. So a service that reads another's decisions gets them in the order it had then.
"""

from collections.abc import Callable, Collection, Sequence

from infra.log.batches import Batch, Fault
from infra.log.reading import Place
from infra.projecting.judging import Judge
from infra.reprocessing.beginning import Begun
from infra.serving.comparing import Comparison, Difference, Only, service_of
from infra.serving.redeciding import Concluded, Redeciding
from schemas.record import AnyRecord, Position
from schemas.repeats import is_news


class Concluding:
    """Takes the records of the log in order; gives those of a part of it, with new decisions.

    `holds` says which event times (µs UTC) are of the part: about these records the services
    decide anew, and about those before and between what is recorded is adopted. Records that add
    nothing to what was read before (`schemas.repeats`) are left out.
    """

    def __init__(
        self,
        begun: Begun,
        holds: Callable[[int], bool],
        judge: Judge,
        comparison: Comparison,
    ) -> None:
        self._at: dict[Place, list[Redeciding]] = {}
        for service in begun.seats:
            self._at.setdefault(service.place, []).append(service)
        self._names = {service.name for service in begun.seats}
        self._holds, self._judge, self._comparison = holds, judge, comparison
        self.high_waters: dict[Place, dict[str, int]] = dict(begun.high_waters)
        self._placed: dict[bytes, AnyRecord] = {}
        self._gone: set[bytes] = set()
        self._spared: dict[str, Collection[Position]] = {}
        self._batch: Batch | None = None
        self._given: list[AnyRecord] = []

    def take(self, batch: Batch) -> list[AnyRecord]:
        """Return what the part has of a batch."""
        self._batch, self._given = batch, []
        known = {name: self._judge.known(name, batch) for name in self._names}
        self._spared = {name: positions for name, positions in known.items() if positions}
        holds, given, names = self._holds, self._given, self._names
        place: Place | None = None
        for record in batch.records:
            topic, partition, _ = record.position
            if place is None or place[1] != partition or place[0] != topic:
                place = topic, partition
                waters = self.high_waters.setdefault(place, {})
                services = self._at.get(place, ())
            source, seq, _, _, epoch, _, _ = provenance = record.provenance
            if epoch is None:  # nearly every record; as `is_news`, at half the time
                if seq <= waters.get(source, -1):
                    continue
                waters[source] = seq
            elif not is_news(provenance, waters):
                continue
            standing = record
            if provenance.cause is not None and service_of(record) in names:
                now = self._standing(record)
                if now is None:
                    continue
                standing = now
            inside = holds(record.time)
            if inside:
                given.append(standing)
            if services:
                self._tell(services, standing, anew=inside)
        return given

    def left(self) -> list[AnyRecord]:
        """Return the decisions whose recorded place was not read."""
        return [record for record in self._placed.values() if self._holds(record.time)]

    def _standing(self, recorded: AnyRecord) -> AnyRecord | None:
        """Return what stands at the place of a recorded decision now, if anything does."""
        identity = recorded.provenance.id_bytes
        if identity in self._gone:
            self._gone.discard(identity)
            return None
        new = self._placed.pop(identity, None)
        return recorded if new is None else new._replace(position=recorded.position)

    def _tell(self, services: Sequence[Redeciding], record: AnyRecord, *, anew: bool) -> None:
        unplaced: list[AnyRecord] = []
        for service in services:
            if not service.is_input(record):
                continue
            if self._spared and self._is_spared(service.name, record):
                continue
            if anew:
                unplaced += self._compared(service.decide(record))
            else:
                service.adopt(record)
        for new in unplaced:
            self._given.append(new)
            self._tell(self._at.get(new.position[:2], ()), new, anew=True)

    def _is_spared(self, service: str, record: AnyRecord) -> bool:
        position = record.position
        if self._batch is None or position not in self._spared.get(service, ()):
            return False
        return self._judge.spares(service, Fault(self._batch.message_at(position), ""))

    def _compared(self, concluded: Concluded) -> Sequence[AnyRecord]:
        """Compare new decisions with recorded ones; return those that nobody recorded."""
        if not concluded.recorded and not concluded.new:
            return ()
        there = {record.provenance.id_bytes: record for record in concluded.recorded}
        unplaced = []
        for record in concluded.new:
            recorded = there.pop(record.provenance.id_bytes, None)
            if recorded is None:
                unplaced.append(record)
                self._comparison.note(Difference(Only.NEW, record))
            else:
                self._placed[record.provenance.id_bytes] = record
                self._comparison.pair(recorded, record)
        for identity, record in there.items():
            self._gone.add(identity)
            self._comparison.note(Difference(Only.RECORDED, record))
        return unplaced
