"""What the topic `quarantine` says of every record and reader."""

import logging
from collections.abc import Collection, Mapping

from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.errors import Undecodable
from infra.log.reading import Message
from infra.log.registry import Registry
from infra.quarantine.entries import Case, Entry, Status, followed
from schemas.record import Position
from schemas.repeats import Repeats
from schemas.topics import QUARANTINE, topic

_LOGGER = logging.getLogger("evctl.quarantine")


class Fates:
    """The fate of each record that a reader could not take in, as of the last `refresh`.

    The topic holds little and is read whole, once; a refresh reads what came since.
    """

    def __init__(self, cluster: Cluster, registry: Registry) -> None:
        self._cluster, self._decode = cluster, Decoder(registry).record
        self._topic = QUARANTINE.full_name(cluster.namespace)
        self._forget("")

    def _forget(self, topic_id: str) -> None:
        self._topic_id, self._next, self._repeats = topic_id, 0, Repeats()
        self.entries: dict[Case, Entry] = {}

    def refresh(self) -> None:
        """Read what was added since the last time; a topic made anew is read from its beginning."""
        place = self._topic, 0
        if self._topic not in topics.existing(self._cluster):
            self._forget("")
            return
        real = topics.describe(self._cluster, [self._topic])[self._topic]
        if real.id != self._topic_id:
            self._forget(real.id)
        low, end = reading.whole(self._cluster, [place])[place]
        new = {place: [(max(low, self._next), end)]}
        for batch in reading.messages(self._cluster, new):
            for message in batch:
                self._take(message)
        self._next = end

    def _take(self, message: Message) -> None:
        try:
            record = self._decode(message)
        except Undecodable as fault:
            _LOGGER.warning("%s; passed over", fault)
            return
        if self._repeats.has(record):
            return
        event = record.event
        case = Case(event.reader, event.topic, event.partition, event.offset)
        if entry := followed(self.entries.get(case), record):
            self.entries[case] = entry

    def passed(self, reader: str, statuses: Collection[Status]) -> Mapping[Position, str]:
        """Return the records that a reader passed over, with namespace, each with its digest."""
        namespace = self._cluster.namespace
        return {
            Position(topic(case.topic).full_name(namespace), case.partition, case.offset): e.digest
            for case, e in self.entries.items()
            if case.reader == reader and e.status in statuses
        }

    def waiting(self, reader: str) -> list[Entry]:
        """Return what is in quarantine for a reader, and about which nobody has decided."""
        return [
            entry
            for case, entry in sorted(self.entries.items())
            if case.reader == reader and entry.status is Status.QUARANTINED
        ]
