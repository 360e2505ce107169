"""What a log lacks of an archive.

Records are told by their ids. Of TCS events that came to the log another way, from a recording or
from another site, the content tells, as with recordings (`infra.overlaps`).
"""

from collections.abc import Callable, Iterator
from enum import Enum
from typing import NamedTuple
from uuid import UUID, uuid5

from infra.archive.envelope import Archived
from infra.archive.errors import IdTaken
from infra.archive.finding import quarantined, with_others
from infra.archive.fitting import Fitting
from infra.archive.manifest import Manifest
from infra.archive.presence import Identities, Presence, value_digest
from infra.archive.reading import Reader
from infra.log import reading
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.errors import Undecodable
from infra.log.reading import Message, Place
from infra.log.registry import Registry
from infra.replay.event_time import EventTimes
from infra.sealing.stretches import position_of
from infra.windows import NightIndex
from producers.identity import event_digest
from schemas.events.tcs import TcsEvent
from schemas.record import Provenance
from schemas.repeats import is_news
from schemas.restored import line_of, original_source, run_of

_BATCH = 1000


class Fate(Enum):
    """What becomes of a record of an archive."""

    MISSING = "the log lacks it"
    THERE = "the log has it"
    REPEAT = "readers pass over it: written twice, or by an instance that had been replaced"


class Judged(NamedTuple):
    """A record of an archive, who said it if its headers tell, and what becomes of it."""

    message: Archived
    provenance: Provenance | None
    fate: Fate


class Lacking:
    """An archive beside a log; `advance` is called now and then with 0 while they are compared."""

    def __init__(
        self,
        cluster: Cluster,
        registry: Registry,
        index: NightIndex,
        held: Manifest,
        reader: Reader,
        advance: Callable[[int], None],
    ) -> None:
        self._cluster, self._registry, self._index = cluster, registry, index
        self._held, self._reader, self._advance = held, reader, advance
        self._there, self._run = Presence(), 1
        self._decode = Decoder(registry).record

    @property
    def line(self) -> str:
        """The line under which what is missing can be appended, after `look`."""
        return line_of(self._held.digest, self._run)

    def look(self) -> None:
        """Find out what the log has of the night; raise `IdTaken`."""
        for message, identity, provenance in self._on_log():
            self._there.add(identity, value_digest(message), str(position_of(message)))
            if provenance is not None:
                self._run = max(self._run, 1 + run_of(self._held.digest, provenance.source))
        if not self._there.records:
            return
        for number, (message, identity, provenance) in enumerate(self._archived()):
            self._there.meet(self._named(message, identity, provenance)[0])
            if number % _BATCH == 0:
                self._advance(0)
        if self._there.met < self._there.records:
            for message, identity, _ in self._on_log():
                content = self._content(message)
                if content is not None:
                    self._there.learn(identity, content)

    def judged(self) -> Iterator[Judged]:
        """Yield the archive's records, partition by partition, in order; once, after `look`."""
        for message, identity, provenance in self._archived():
            if message.repeat:
                yield Judged(message, provenance, Fate.REPEAT)
            elif not self._there.records:
                yield Judged(message, provenance, Fate.MISSING)
            else:
                name, said = self._named(message, identity, provenance)
                there = self._there.find(name) is not None or self._has_equal(message)
                yield Judged(message, said, Fate.THERE if there else Fate.MISSING)

    def close(self) -> None:
        """Forget what the log has."""
        self._there.close()

    def _named(
        self, message: Archived, identity: bytes, provenance: Provenance | None
    ) -> tuple[bytes, Provenance | None]:
        """Return what a record is known by on this log; raise `IdTaken`.

        Of some sources (a service's take-overs, clients that send none) the ids are made of nothing
        but numbers of their log. Where this log has another record by such an id, it is renamed.
        """
        found = self._there.find(identity)
        if found is None or found[0] == value_digest(message):
            return identity, provenance
        if provenance is None or "/" not in original_source(provenance.source):
            raise IdTaken(str(position_of(message)), found[1])
        renamed = uuid5(UUID(bytes=identity), self._held.digest)
        return renamed.bytes, provenance._replace(given_id=renamed)

    def _has_equal(self, message: Archived) -> bool:
        content = self._content(message) if self._there.learnt else None
        return content is not None and self._there.takes(content)

    def _content(self, message: Message) -> bytes | None:
        """Return the digest of a TCS event's content; none of anything else."""
        try:
            event = self._decode(message).event
        except Undecodable:
            return None
        return event_digest(event) if isinstance(event, TcsEvent) else None

    def _archived(self) -> Iterator[tuple[Archived, bytes, Provenance | None]]:
        """Yield the archive's records, each with what it is known by, and who said it."""
        for part in self._held.partitions:
            identities = Identities()
            for message in self._reader.messages(part):
                yield message, *identities.of(message)

    def _on_log(self) -> Iterator[tuple[Message, bytes, Provenance | None]]:
        """Yield what readers heed of the night on the log."""
        identities, fitting = Identities(), Fitting(self._registry)
        waters: dict[Place, dict[str, int]] = {}
        for message in self._messages():
            identity, provenance = identities.of(message)
            known = waters.setdefault((message.topic(), message.partition()), {})
            numbered = None if fitting.schema_of(message) is None else provenance
            if numbered is None or is_news(numbered, known):
                yield message, identity, provenance

    def _messages(self) -> Iterator[Message]:
        start, end = self._held.start, self._held.end
        number = self._index.nights.number
        others = quarantined(self._cluster, self._registry, self._index)
        spans = with_others(self._index.ranges(number(start), number(end - 1)), others)
        inside = EventTimes(self._registry.decoder).within(start, end)
        for batch in reading.messages(self._cluster, spans, batch=_BATCH) if spans else ():
            self._registry.fetched()
            yield from filter(inside, batch)
            self._advance(0)
