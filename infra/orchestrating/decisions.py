"""Decisions of the orchestrator found on the log, and the list of shots that they rest on."""

from collections.abc import Callable, Iterator

from consumers.orchestrator.loaded import Loaded
from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.reading import Place
from infra.log.registry import Registry
from infra.replay.kinds import Kinds
from schemas import utc
from schemas.errors import EvctlError
from schemas.events.orchestrator import ShotChosen, ShotWithheld
from schemas.events.shot_lists import ShotListLoaded
from schemas.record import AnyRecord
from schemas.topics import OBSERVATORY

_DECISIONS = (ShotChosen, ShotWithheld)
_REACH = 20_000
"""So many records are looked at in a go, from the end on."""


class NoDecision(EvctlError):
    """The log has no decision of that kind."""

    exit_code = 66

    def __init__(self, about: str, name: str) -> None:
        super().__init__(
            f"{name} has no decision about {about}: give a shot that was chosen, or a time after "
            "the orchestrator began (`evctl tail observatory` shows what there is)."
        )
        self.about, self.name = about, name


class Decisions:
    """Finds decisions, the newest first."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster, registry = cluster, Registry(cluster)
        self._decoder, self._kinds = Decoder(registry), Kinds(registry.decoder)
        self._place: Place = (OBSERVATORY.full_name(cluster.namespace), 0)

    def of_shot(self, shotid: str) -> AnyRecord:
        """Return the newest choice of a shot; raise `NoDecision`."""
        return self._newest(shotid, lambda r: getattr(r.event, "shotid", None) == shotid)

    def at(self, time: int) -> AnyRecord:
        """Return what was decided last up to a time (µs UTC); raise `NoDecision`."""
        return self._newest(utc.iso(time), lambda record: record.time <= time)

    def _newest(self, about: str, wanted: Callable[[AnyRecord], bool]) -> AnyRecord:
        for record in self.backwards():
            if wanted(record):
                return record
        raise NoDecision(about, self._place[0])

    def backwards(self) -> Iterator[AnyRecord]:
        """Yield all decisions from the newest on."""
        if self._place[0] not in topics.existing(self._cluster):
            return
        low, end = reading.whole(self._cluster, [self._place])[self._place]
        while low < end:
            start = max(low, end - _REACH)
            found = [
                self._decoder.record(message)
                for batch in reading.messages(self._cluster, {self._place: [(start, end)]})
                for message in batch
                if self._kinds.of(message) in _DECISIONS
            ]
            yield from reversed(found)
            end = start

    def shots_of(self, decision: ShotChosen | ShotWithheld) -> Loaded | None:
        """Return the list that a decision was made from; None where the log has it not."""
        offset = decision.causes.get("shot_list")
        if offset is None:
            return None
        for batch in reading.messages(self._cluster, {self._place: [(offset, offset + 1)]}):
            for message in batch:
                event = self._decoder.record(message).event
                if isinstance(event, ShotListLoaded) and event.digest == decision.shot_list:
                    return Loaded.of(event.digest, event.shots)
        return None
