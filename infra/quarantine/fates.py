"""What the topic `quarantine` says of every record and reader."""

import logging
from collections.abc import Collection, Iterator, Mapping
from math import inf
from time import monotonic
from typing import Any

from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.errors import TopicMissing, Undecodable
from infra.log.reading import Message, Place, Span
from infra.log.registry import Registry
from infra.quarantine.cases import Cases
from infra.quarantine.entries import Case, Entry, Status, followed, is_about_a_case, line_of
from schemas.events.quarantine import ReaderTookOver
from schemas.record import Position
from schemas.repeats import is_outdated
from schemas.topics import QUARANTINE

_LOGGER = logging.getLogger("evctl.quarantine")
_AHEAD = 8 << 10
"""KiB that are fetched ahead: beside a reader that has its own share of memory."""


class Fates:
    """The fate of each record that a reader could not take in, as of the last `refresh`.

    The topic is read whole, once; a refresh reads what came since.
    """

    def __init__(self, cluster: Cluster, registry: Registry) -> None:
        self._cluster, self._decode = cluster, Decoder(registry).record
        self._topic = QUARANTINE.full_name(cluster.namespace)
        self._read_at = -inf
        self._forget("")

    def _forget(self, topic_id: str) -> None:
        self._topic_id, self._next = topic_id, 0
        self.entries = Cases()
        self._epochs: dict[str, int] = {}
        self._foreseen = set[Case]()

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
        span = reading.whole(self._cluster, [place])[place]
        if not self._take_all(place, span):
            self._forget(real.id)
            self._take_all(place, span)

    def _take_all(self, place: Place, span: Span) -> bool:
        """Take what was not read of a span; false if what was noted proves not to count."""
        start, end = max(span[0], self._next), span[1]
        spans = {place: [(start, end)]} if start < end else {}
        for batch in reading.messages(self._cluster, spans, queued_max_messages_kbytes=_AHEAD):
            if not all(self._take(message) for message in batch):
                return False
        self._next = end
        return True

    def _take(self, message: Message) -> bool:
        """Take note of a message; false for one of a replaced instance that had noted it: us."""
        try:
            record = self._decode(message)
        except Undecodable as fault:
            _LOGGER.warning("%s; passed over", fault)
            return True
        event, said = record.event, record.provenance
        if isinstance(event, ReaderTookOver):
            self._epochs[said.source] = max(said.seq, self._epochs.get(said.source, 0))
        elif not is_outdated(said, self._epochs):
            self._note(event, said.seq, record.position.offset)
        elif is_about_a_case(event):
            return _case_of(event) not in self._foreseen
        return True

    def epoch(self, reader: str, place: Place) -> int:
        """Return the highest epoch of an instance that took over a partition; 0 without any."""
        return self._epochs.get(line_of(reader, place), 0)

    def foresee(self, event: Any, seq: int) -> None:
        """Take note of an event that was written by oneself, until it is read."""
        if is_about_a_case(event):
            case = _case_of(event)
            self.entries.put(followed(self.entries.get(case), event, seq, None))
            self._foreseen.add(case)

    def _note(self, event: Any, seq: int, at: int) -> None:
        """Take note of an event that was read. One whose step was made before it is a repeat."""
        if is_about_a_case(event):
            case = _case_of(event)
            known = self.entries.get(case)
            steps = 0 if known is None else known.steps - (case in self._foreseen)
            if seq >= steps:
                self.entries.put(followed(known, event, seq, at))
                self._foreseen.discard(case)

    def knows(self, reader: str) -> bool:
        """Whether a reader passed anything over, ever."""
        return reader in self.entries.readers

    def passed(
        self, reader: str, statuses: Collection[Status], spans: Mapping[Place, Span]
    ) -> Mapping[Position, str]:
        """Return the records of spans that a reader passed over, each with its digest."""
        return self.entries.within(reader, statuses, spans)

    def waiting(self, reader: str | None = None) -> Iterator[Entry]:
        """Yield what is in quarantine for a reader, or for any, and waits for a decision."""
        return (one for one in self.entries.of(reader) if one.status is Status.QUARANTINED)

    def is_as_of(self, reader: str, ends: Mapping[Place, int], made: int) -> bool:
        """Whether nothing was passed over or decided since `made` of records before `ends`.

        `made` is in µs UTC, as of a snapshot that a reader's rows were kept in.
        """
        return not self.entries.changed(reader, ends, made)

    def is_undisputed(self, reader: str, ends: Mapping[Place, int]) -> bool:
        """Whether nothing was ever passed over or decided of records before `ends`."""
        return not self.entries.changed(reader, ends)


def _case_of(event: Any) -> Case:
    return Case(event.reader, event.topic, event.partition, event.offset)
