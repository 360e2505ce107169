"""Records of one source, appended to the log through its restarts: none is lost, none is doubled.

A record has its number before it is sent, and is kept until the log has acknowledged it. When the
log is back after a failure, what it has of ours behind the last acknowledged record is looked up,
and the others are sent again under their numbers.
"""

from collections import deque
from contextlib import suppress
from time import monotonic
from typing import Final, NamedTuple

from confluent_kafka import KafkaException, Message

from infra.bridge.moving import look_for_broker
from infra.broker.errors import BrokerError
from infra.log import reading, topics
from infra.log.cluster import connect
from infra.log.errors import (
    LogUnavailable,
    NotAcknowledged,
    RecordTooLarge,
    RegistryUnavailable,
)
from infra.log.reading import Place
from infra.log.registry import Registry
from infra.log.writing import ENVELOPE, Producer
from infra.settings import Settings
from schemas import avro, framing
from schemas.events.tcs import TcsEvent
from schemas.record import BadHeaders, Position, from_headers, reported
from schemas.topics import OBSERVATORY

AWAY: Final = (LogUnavailable, NotAcknowledged, RegistryUnavailable, BrokerError, KafkaException)
"""What is raised while the log can't be reached; it may be back later."""

_MOST_IN_FLIGHT = 20_000
_MOST_BYTES_IN_FLIGHT = 32 * 1024 * 1024
_LOOK_S = 1.0
_SLICE_S = 0.05


class _Sent(NamedTuple):
    """A record until its acknowledgement; `timestamp` in ms."""

    seq: int
    value: bytes
    key: str
    timestamp: int


class Appender:
    """Appends TCS events to `observatory`, numbered from 0, under a source of this run's own."""

    def __init__(self, site: Settings, source: str) -> None:
        self._site, self.source = site, source
        self._waiting: deque[_Sent] = deque()
        self._bytes = self._seq = 0
        self._behind: int | None = None
        self._looked = monotonic()
        self._open()

    @property
    def acknowledged(self) -> int:
        """How many events are on the log."""
        return self._seq - len(self._waiting)

    @property
    def waiting(self) -> int:
        """How many events wait for their acknowledgement."""
        return len(self._waiting)

    @property
    def has_room(self) -> bool:
        """Whether more may be appended now."""
        return len(self._waiting) < _MOST_IN_FLIGHT and self._bytes < _MOST_BYTES_IN_FLIGHT

    def append(self, event: TcsEvent) -> None:
        """Append an event; raise `RecordTooLarge`, or one of `AWAY`: it is sent again later."""
        value, key = self._encode(event), event.record_key
        size = len(value) + len(key) * 4
        if size > OBSERVATORY.max_bytes - ENVELOPE:
            raise RecordTooLarge(self._place[0], size, OBSERVATORY.max_bytes - ENVELOPE)
        sent = _Sent(self._seq, value, key, max(1, event.data_time // 1000))
        self._waiting.append(sent)
        self._seq += 1
        self._bytes += len(value)
        self._send(sent)

    def serve(self, timeout: float) -> None:
        """Take acknowledgements for up to `timeout` s; raise one of `AWAY`."""
        self._producer.serve(timeout)
        if monotonic() - self._looked > _LOOK_S:
            self._looked = monotonic()
            look_for_broker(self._site, self._cluster)

    def flush(self) -> None:
        """Wait until all is acknowledged; raise one of `AWAY`."""
        while self._waiting:
            self.serve(_SLICE_S)

    def reconnect(self) -> None:
        """Find the log again, and send what it lacks; raise one of `AWAY` while it is away."""
        self._producer.purge()
        self._open()
        highest = self._highest_there()
        while self._waiting and self._waiting[0].seq <= highest:
            self._forget_first()
        for sent in tuple(self._waiting):
            self._send(sent)

    def _open(self) -> None:
        self._cluster = connect(self._site)
        topics.ensure(self._cluster, [OBSERVATORY])
        schema_id = Registry(self._cluster).register_event(TcsEvent)
        self._encode = avro.writer(TcsEvent, framing.prefix(schema_id))
        self._place: Place = (OBSERVATORY.full_name(self._cluster.namespace), 0)
        if self._behind is None:
            _, self._behind = reading.whole(self._cluster, [self._place])[self._place]
        self._producer = Producer(self._cluster, on_delivered=self._delivered)

    def _send(self, sent: _Sent) -> None:
        headers = reported(self.source, sent.seq)
        topic, partition = self._place
        self._producer.send(topic, sent.value, sent.key, partition, sent.timestamp, headers)

    def _delivered(self, _: object, message: Message) -> None:
        """Forget the oldest: acknowledgements come in the order of sending."""
        self._forget_first()
        self._behind = (message.offset() or 0) + 1

    def _forget_first(self) -> None:
        self._bytes -= len(self._waiting.popleft().value)

    def _highest_there(self) -> int:
        """Return the highest of our numbers that the log has without having acknowledged it."""
        low, end = reading.whole(self._cluster, [self._place])[self._place]
        span = (max(low, self._behind or 0), end)
        highest = -1
        for batch in reading.messages(self._cluster, {self._place: [span]}):
            for message in batch:
                with suppress(BadHeaders):
                    position = Position(*self._place, message.offset())
                    source, seq, *_ = from_headers(message.headers(), position)
                    highest = max(highest, seq) if source == self.source else highest
        self._behind = end
        return highest
