"""The seals on the topic `seals`: kept for ever, one record for each version."""

import logging
from collections.abc import Callable, Sequence

from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.errors import Undecodable, UnknownSchema
from infra.log.reading import Message
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.sealing.contents import Seal, from_text
from schemas.events.seals import NightSealed
from schemas.record import AnyRecord
from schemas.repeats import Repeats
from schemas.topics import SEALS

_LOGGER = logging.getLogger("evctl.sealing")


class Seals:
    """The seals of a log's nights."""

    def __init__(self, cluster: Cluster, registry: Registry) -> None:
        self._cluster, self._registry = cluster, registry

    def _events(self) -> list[NightSealed]:
        """Return the events, in the log's order; of two of one version the first counts."""
        name = SEALS.full_name(self._cluster.namespace)
        if name not in topics.existing(self._cluster):
            return []
        place = name, 0
        spans = {place: [reading.whole(self._cluster, [place])[place]]}
        decode, repeats = Decoder(self._registry).record, Repeats()
        found = []
        for batch in reading.messages(self._cluster, spans):
            for message in batch:
                record = _readable(message, decode)
                if record is not None and not repeats.has(record):
                    found.append(record.event)
        return [event for event in found if isinstance(event, NightSealed)]

    def newest(self, night: str) -> Seal | None:
        """Return a night's newest seal, None where it was never sealed; raise `SealTooNew`."""
        found = [event for event in self._events() if event.night == night]
        return from_text(found[-1].contents) if found else None

    def all(self) -> Sequence[Seal]:
        """Return every version of every night's seal, newest first; raise `SealTooNew`."""
        return [from_text(event.contents) for event in reversed(self._events())]

    def append(self, seal: Seal) -> bool:
        """Put a seal on the log; false if another process was quicker with this version.

        The version is the record's seq, so that of two at once the first one counts.
        """
        event = NightSealed(seal.time, seal.night, seal.version, seal.records, seal.text())
        source = f"seal.{seal.night}"
        publisher = Publisher(self._cluster, self._registry, SEALS, source, linger_ms=0)
        publisher.publish(event, seq=seal.version)
        publisher.flush()
        newest = self.newest(seal.night)
        return newest is not None and newest.text() == seal.text()


def _readable(message: Message, decode: Callable[[Message], AnyRecord]) -> AnyRecord | None:
    """Return a record, None of what no program of ours wrote: that is no seal.

    One whose schema is missing may be a seal, and raises `Undecodable`.
    """
    try:
        return decode(message)
    except Undecodable as fault:
        if isinstance(fault.__cause__, UnknownSchema):
            raise
        _LOGGER.warning("%s Passed over.", fault)
        return None
