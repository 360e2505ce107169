"""A night with all that a log can hold, and its way through an archive."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from infra.archive.checking import check
from infra.archive.restoring import Restored, Restoring
from infra.archive.writing import Export, Written
from infra.log import topics
from infra.log.cluster import Cluster
from infra.log.reading import Message
from infra.log.registry import Registry
from infra.log.writing import Producer
from infra.signals import Stop
from infra.windows import NightIndex, read_index
from schemas import avro, framing
from schemas.events.services import ServiceTookOver
from schemas.events.silence import SystemFellSilent
from schemas.events.ticks import TimePassed
from schemas.nights import Nights
from schemas.record import (
    BadHeaders,
    Position,
    Provenance,
    from_headers,
    reported,
    to_headers,
)
from schemas.restored import original_source
from schemas.topics import ALERTS, OBSERVATORY, RECORDED, Topic
from tests.integration.replay_log import DAY, MIDNIGHT, read, tcs

NIGHT = "2026-11-21"
SECOND = 1_000_000
ALERT = {
    "type": "record",
    "name": "Alert",
    "fields": [
        {"name": "candid", "type": "long"},
        {"name": "magnitude", "type": {"type": "bytes", "logicalType": "decimal", "precision": 4}},
    ],
}
PACKET = b"\x54\x04\x01\x02"
MILLIS = MIDNIGHT // 1000
SERVICE = "silence/observatory/0"


class Sender:
    """Appends records as they are given."""

    def __init__(self, cluster: Cluster) -> None:
        topics.ensure(cluster, RECORDED)
        self.cluster, self.registry = cluster, Registry(cluster)
        self._producer = Producer(cluster)

    def event(self, event: Any, headers: Any, time: int) -> None:
        """Append an event to `observatory`."""
        value = self.encoded(event)
        name = OBSERVATORY.full_name(self.cluster.namespace)
        self._producer.send(name, value, event.record_key, 0, max(1, time // 1000), headers)

    def encoded(self, event: Any) -> bytes:
        """Return an event's value."""
        prefix = framing.prefix(self.registry.register_event(type(event)))
        return avro.writer(type(event), prefix)(event)

    def alert(
        self, value: bytes | None, partition: int = 0, headers: Any = (), key: Any = None
    ) -> None:
        """Append a value to `alerts`."""
        name = ALERTS.full_name(self.cluster.namespace)
        self._producer.send(name, value, key, partition, MILLIS, list(headers))

    def flush(self) -> None:
        """Wait for all."""
        self._producer.flush()


def fill(cluster: Cluster, events: int = 30) -> None:
    """Record a night with records of each kind, and some of the nights beside it."""
    sender = Sender(cluster)
    for number in range(events):
        time = MIDNIGHT + number * SECOND
        sender.event(tcs(time, f"k{number % 3}"), reported("import.0f", number), time)
        if number % 10 == 3:  # another night's in between, with a source that both have
            sender.event(tcs(time + DAY), reported("import.0e", number), time + DAY)
    _decided(sender)
    for seq in (7, 29):  # written twice
        time = MIDNIGHT + seq * SECOND
        sender.event(tcs(time, f"k{seq % 3}"), reported("import.0f", seq), time)
    late = MIDNIGHT - SECOND
    sender.event(tcs(late), reported("late", 0), late)
    for time in (-5_000_000, -1, 1):  # around 1970
        sender.event(tcs(time), reported("old", time + 10_000_000), time)
    _alerts(sender)
    sender.flush()


def _decided(sender: Sender) -> None:
    """A tick, take-overs, a decision, and one of an instance that had been replaced."""
    cause, time = Provenance("clock", 7), MIDNIGHT + SECOND
    sender.event(TimePassed(time), to_headers(cause), time)
    for epoch in (1, 2):
        took = ServiceTookOver(time, "silence", "observatory", 0, epoch, 1, "")
        sender.event(took, to_headers(Provenance(f"{SERVICE}/epoch", epoch, epoch=epoch)), time)
    identity = Provenance("clock", 7).id_bytes
    for epoch, index in ((2, 0), (1, 1)):
        said = Provenance(SERVICE, 900 << 16 | index, cause=UUID(bytes=identity), epoch=epoch)
        sender.event(SystemFellSilent(time, f"s{epoch}", time, 5.0), to_headers(said), time)


def _alerts(sender: Sender) -> None:
    """Packets of others, and what is none."""
    framed = framing.prefix(sender.registry.register_foreign(ALERT)) + PACKET
    event = sender.encoded(tcs(MIDNIGHT))
    sender.alert(framed, 2, key=b"\xff")
    sender.alert(framed, 1, [("traceparent", b"\x00"), ("src", b"ztf:5"), ("empty", None)])
    sender.alert(framed, 1, [("src", b"nonsense")])
    sender.alert(framed, 1, [("src", b"nonsense")])
    for value in (None, b"", b"text", framed + b"!", event[:-1], b"\0\0\0\0\x07abc", framed):
        sender.alert(value, 0)


class Said(NamedTuple):
    """All that has to come back of a record."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    millis: int
    id: bytes | None
    source: str
    told: tuple[Any, ...]


def said(message: Message, namespace: str) -> Said:
    """Return what has to come back of a message."""
    position = Position(message.topic(), message.partition(), message.offset())
    headers = list(message.headers() or ())
    try:
        who = from_headers(headers, position)
    except BadHeaders:
        identity, source = None, ""
        told: tuple[Any, ...] = tuple(headers)
    else:
        others = tuple(h for h in headers if h[0] not in {"src", "id"})
        identity, source = who.id_bytes, original_source(who.source)
        told = (who.seq, who.cause, who.epoch, who.replay, others)
    return Said(
        message.topic().removeprefix(namespace),
        message.partition(),
        message.key(),
        message.value(),
        message.timestamp()[1],
        identity,
        source,
        told,
    )


def everything(cluster: Cluster, topic: Topic) -> list[Said]:
    """Return what a topic holds."""
    return [said(message, cluster.namespace) for message in read(cluster, topic)]


def index(cluster: Cluster) -> NightIndex:
    """Return where the nights lie."""
    return read_index(cluster, Nights(), RECORDED)


def export(cluster: Cluster, target: Path, night: str = NIGHT, **more: Any) -> Written:
    """Write a night's archive."""
    job = Export(cluster, Registry(cluster), index(cluster), night, None, target)
    return job.write(Stop(), lambda _: None, **more)


def bring(
    cluster: Cluster,
    folder: Path,
    advance: Callable[[int], None] = lambda _: None,
    registry: Registry | None = None,
    stop: Stop | None = None,
) -> Restored:
    """Import an archive."""
    topics.ensure(cluster, RECORDED)
    held = check(folder, Stop(), lambda _: None)
    job = Restoring(cluster, registry or Registry(cluster), index(cluster), folder, held)
    return job.run(stop or Stop(), advance)
