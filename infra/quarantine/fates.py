"""What the topic `quarantine` says of every record and reader."""

import logging
from collections.abc import Collection, Mapping
from math import inf
from time import monotonic
from typing import Any

from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.errors import TopicMissing, Undecodable
from infra.log.reading import Message, Place
from infra.log.registry import Registry
from infra.quarantine.entries import Case, Entry, Status, followed, is_about_a_case
from schemas.record import Position
from schemas.repeats import Repeats
from schemas.topics import QUARANTINE

_LOGGER = logging.getLogger("evctl.quarantine")


class Fates:
    """The fate of each record that a reader could not take in, as of the last `refresh`.

    The topic holds little and is read whole, once; a refresh reads what came since.
    """

    def __init__(self, cluster: Cluster, registry: Registry) -> None:
        self._cluster, self._decode = cluster, Decoder(registry).record
        self._topic = QUARANTINE.full_name(cluster.namespace)
        self._read_at = -inf
        self._forget("")

    def _forget(self, topic_id: str) -> None:
        self._topic_id, self._next, self._repeats = topic_id, 0, Repeats()
        self.entries: dict[Case, Entry] = {}

    def refresh(self, no_older_than: float = 0) -> None:
        """Read what was added since the last time; a topic made anew is read from its beginning.

        Nothing is read if the last time was not `no_older_than` s ago.
        """
        if monotonic() < self._read_at + no_older_than:
            return
        self._read()
        self._read_at = monotonic()

    def _read(self) -> None:
        place = self._topic, 0
        try:
            real = topics.describe(self._cluster, [self._topic])[self._topic]
        except TopicMissing:
            self._forget("")
            return
        if real.id != self._topic_id:
            self._forget(real.id)
        low, end = reading.whole(self._cluster, [place])[place]
        start = max(low, self._next)
        if start < end:
            for batch in reading.messages(self._cluster, {place: [(start, end)]}):
                for message in batch:
                    self._take(message)
        self._next = end

    def _take(self, message: Message) -> None:
        try:
            record = self._decode(message)
        except Undecodable as fault:
            _LOGGER.warning("%s; passed over", fault)
            return
        if not self._repeats.has(record):
            self.note(record.event, record.provenance.seq, record.position.offset)

    def note(self, event: Any, seq: int, at: int | None) -> None:
        """Take note of an event that was read, or written by oneself; `at` as in `followed`."""
        if is_about_a_case(event):
            case = Case(event.reader, event.topic, event.partition, event.offset)
            self.entries[case] = followed(self.entries.get(case), event, seq, at)

    def passed(self, reader: str, statuses: Collection[Status]) -> Mapping[Position, str]:
        """Return the records that a reader passed over, with namespace, each with its digest."""
        namespace = self._cluster.namespace
        return {
            Position(*case.place(namespace), case.offset): e.digest
            for case, e in self.entries.items()
            if case.reader == reader and e.status in statuses
        }

    def waiting(self, reader: str | None = None) -> list[Entry]:
        """Return what is in quarantine for a reader, or for any, and waits for a decision."""
        return [
            entry
            for case, entry in sorted(self.entries.items())
            if entry.status is Status.QUARANTINED and reader in {None, case.reader}
        ]

    def is_as_of(self, reader: str, ends: Mapping[Place, int], made: int) -> bool:
        """Whether nothing was passed over or decided since `made` of records before `ends`.

        `made` is in µs UTC, as of a snapshot that a reader's rows were kept in.
        """
        namespace = self._cluster.namespace
        return all(
            entry.changed <= made
            for case, entry in self.entries.items()
            if case.reader == reader and case.offset < ends.get(case.place(namespace), 0)
        )
