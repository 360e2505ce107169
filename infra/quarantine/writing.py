"""Records into quarantine, and what people decide about them, onto the log."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Any, TypeAlias
from uuid import UUID

from infra import clock
from infra.log.cluster import Cluster
from infra.log.errors import LogUnavailable, NotAcknowledged
from infra.log.reading import Message, Place
from infra.log.registry import Registry
from infra.log.writing import Producer, Publisher
from infra.quarantine.entries import Case, Entry, Status, case_of, digest_of, line_of
from infra.quarantine.fates import Fates
from schemas.events.quarantine import (
    QuarantineDropped,
    QuarantineRetried,
    ReaderTookOver,
    RecordQuarantined,
)
from schemas.record import BadHeaders, Position, Provenance, from_headers
from schemas.topics import QUARANTINE, KiB, bare_name

MAX_REASON = 1000
"""Characters of a reason that are kept."""

_KNOWN_S = 1.0
"""So long what the topic says is taken for known while many records are put there in a row."""

_AT_ONCE = 500
"""So many events are in memory at a time."""

_Said: TypeAlias = tuple[int, str, Any, int | None]
"""The number of an event, its source, the event itself, and the epoch of who says it."""

_MAX_BYTES = QUARANTINE.max_bytes - 64 * KiB
"""Of a record's key, value and headers, so many are kept; no declared topic takes as many."""


class Quarantine:
    """Puts records that a reader can't take in on the topic `quarantine`.

    Each method has its events acknowledged when it returns, and raises `NotAcknowledged` or
    `LogUnavailable` otherwise. What was written before is not written again.
    """

    def __init__(self, cluster: Cluster, registry: Registry) -> None:
        self._cluster, self._registry = cluster, registry
        self.fates = Fates(cluster, registry)
        self._publisher: Publisher | None = None

    def put(self, reader: str, message: Message, reason: str) -> None:
        """Put a record in quarantine for a reader, which may pass it over then."""
        self.put_all(reader, [(message, reason)])

    def put_all(
        self,
        reader: str,
        faults: Sequence[tuple[Message, str]],
        epochs: Mapping[Place, int] = MappingProxyType({}),
    ) -> int:
        """Do so with several, each with its reason; return how many were not there before.

        `epochs` are those of an instance that may be replaced, by partition.
        """
        self.fates.refresh(_KNOWN_S)
        return self._write(self._new(reader, faults, epochs))

    def _new(
        self, reader: str, faults: Iterable[tuple[Message, str]], epochs: Mapping[Place, int]
    ) -> Iterator[_Said]:
        for message, reason in faults:
            position = Position(message.topic(), message.partition(), message.offset())
            case, digest = case_of(reader, position), digest_of(message)
            known = self.fates.entries.get(case)
            if known is None or not known.is_passed or known.digest != digest:
                event = _event(case, message, digest, reason)
                yield _step(known), case.source, event, epochs.get(position[:2])

    def took_over(self, taken: Iterable[tuple[str, Place, int]]) -> None:
        """Write that readers took partitions over, under which epochs, and take note of it."""
        now = clock.utc_micros()
        self._write(
            (
                epoch,
                line_of(reader, place),
                ReaderTookOver(now, reader, bare_name(place[0]), place[1], epoch),
                None,
            )
            for reader, place, epoch in taken
        )

    def drop(self, entry: Entry, who: str, why: str) -> None:
        """Write that a reader does without a record."""
        event = QuarantineDropped(**_said(entry), who=who, why=why)
        self._write([(entry.steps, entry.case.source, event, None)])

    def retried(self, entries: Iterable[Entry], who: str) -> int:
        """Write that readers have taken records in; return how many."""
        return self._write(
            (e.steps, e.case.source, QuarantineRetried(**_said(e), who=who), None) for e in entries
        )

    def _write(self, events: Iterable[_Said]) -> int:
        waiting, count = iter(events), 0
        while some := list(islice(waiting, _AT_ONCE)):
            self._write_some(some)
            count += len(some)
        return count

    def _write_some(self, events: Sequence[_Said]) -> None:
        if self._publisher is None:
            producer = Producer(self._cluster, linger_ms=0, idempotent=False)
            self._publisher = Publisher(
                self._cluster, self._registry, QUARANTINE, "quarantine", producer=producer
            )
        try:
            for number, source, event, epoch in events:
                self._publisher.publish(event, seq=number, source=source, epoch=epoch)
            self._publisher.flush()
        except (NotAcknowledged, LogUnavailable):
            self._publisher = None  # it sends nothing more
            raise
        for number, _, event, _ in events:
            self.fates.foresee(event, number)


def fresh_entry(case: Case, message: Message, known: Entry | None) -> Entry:
    """Return the entry of a record that is decided about while it is not in quarantine."""
    return Entry(
        case=case,
        status=Status.RETRIED,
        reason="",
        record_id=_record_id(message),
        digest=digest_of(message),
        changed=0,
        steps=_step(known),
    )


def _step(known: Entry | None) -> int:
    return 0 if known is None else known.steps


def _said(entry: Entry) -> dict[str, Any]:
    return {
        "time": clock.utc_micros(),
        **entry.case._asdict(),
        "quarantined": entry.quarantined,
        "reason": entry.reason,
        "record_id": entry.record_id,
        "digest": entry.digest,
    }


def _event(case: Case, message: Message, digest: str, reason: str) -> RecordQuarantined:
    headers, key, value = message.headers() or (), message.key(), message.value()
    rest = len(key or b"") + sum(len(name) + len(value or b"") for name, value in headers)
    return RecordQuarantined(
        time=clock.utc_micros(),
        **case._asdict(),
        reason=_kept(reason),
        record_id=_record_id(message),
        digest=digest,
        timestamp=message.timestamp()[1],
        key=key,
        value=None if value is None else value[: max(0, _MAX_BYTES - rest)],
        size=len(value or b""),
        header_names=[name for name, _ in headers],
        header_values=[value for _, value in headers],
    )


def _record_id(message: Message) -> str | None:
    position = Position(message.topic(), message.partition(), message.offset())
    try:
        said: Provenance = from_headers(message.headers(), position)
    except BadHeaders:
        return None
    return str(UUID(bytes=said.id_bytes))


def _kept(reason: str) -> str:
    """Return a reason as Avro and a table take it."""
    text = reason.encode(errors="replace").decode()
    return text if len(text) <= MAX_REASON else f"{text[: MAX_REASON - 1]}…"
