"""Events to records: numbered by their source, encoded, produced, acknowledged."""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from time import monotonic
from typing import Any
from uuid import UUID

from confluent_kafka import KafkaError, KafkaException, Message

from infra.log import topics
from infra.log.cluster import Cluster, OnDelivery
from infra.log.errors import LogUnavailable, NotAcknowledged, RecordTooLarge
from infra.log.registry import Registry
from schemas import avro, catalogue, framing
from schemas.declare import time_field
from schemas.record import Provenance, reported, to_headers
from schemas.topics import Topic

_SLICE_S = 0.005
"""How long to wait for a report before a look whether all is acknowledged, which none tells."""

_LAST_REPORTS_S = 1.0

_PLAIN: Mapping[str, Any] = {
    "enable_idempotence": False,
    "enable_gapless_guarantee": False,
    "acks": "all",
}

Headers = Sequence[tuple[str, bytes]]
Encode = Callable[[Any], bytes]
TimeOf = Callable[[Any], int]


class Producer:
    """Hands records to the log in order, bounded in memory, and knows which it did not take.

    What the log has of a partition is always the first of what was sent: after the first failure
    nothing more goes out, for readers drop what is sent again in front of later records.

    One that is not idempotent begins half a second earlier, and may write a record twice, or in
    front of an earlier one: for records that each have a source of their own.
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        linger_ms: float = 5.0,
        idempotent: bool = True,
        on_delivered: OnDelivery | None = None,
    ) -> None:
        """`on_delivered` is told of each acknowledgement, which costs a call for every record."""
        self._cluster, self._patience = cluster, cluster.patience
        self._on_delivered = on_delivered
        own = {} if idempotent else _PLAIN
        told = {"delivery_report_only_error": on_delivered is None}
        self._producer = cluster.producer(self._failed, linger_ms=linger_ms, **own, **told)
        self._produce: Callable[..., None] = self._producer.produce
        self._faults: list[tuple[str, KafkaError]] = []
        self._sent = self._seen = 0
        self._fatal: KafkaError | None = None
        self._stalled: float | None = None
        self._ended: NotAcknowledged | LogUnavailable | None = None

    def _failed(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._faults.append((message.topic() or "", error))
        elif self._on_delivered is not None:
            self._on_delivered(error, message)

    def send(
        self,
        topic: str,
        value: bytes | None,
        key: str | bytes | None,
        partition: int,
        timestamp: int,
        headers: Headers,
    ) -> None:
        """Queue a record (partition −1: by key; `timestamp` in ms); it may wait for room.

        Raises `NotAcknowledged` as soon as an earlier record is known to have failed.
        """
        while True:
            try:
                self._produce(topic, value, key, partition, None, None, timestamp, headers)
            except BufferError:
                self.serve(0.05)
            except KafkaException as fault:
                if fault.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE:
                    raise RecordTooLarge(topic, len(value or b""), 104_857_600) from fault
                self.serve()  # an earlier record's failure has ended the producer
                raise
            else:
                self._sent += 1
                if self._sent == 1:
                    self.flush()  # alone: any batch may be the first of a producer not yet known
                return

    def serve(self, timeout: float = 0.0) -> None:
        """Take delivery reports for up to `timeout` s; raise `NotAcknowledged` for a failed one.

        Raises it too where records wait and the log takes none for long, and `LogUnavailable`
        where it does not even answer.
        """
        self._poll(timeout)
        self._look()

    def acknowledged(self) -> int:
        """Return how many records the log has acknowledged, each partition's first ones."""
        return self._sent - len(self._producer) - len(self._faults)

    def flush(self) -> None:
        """Wait until everything sent is acknowledged; raise as `serve` does otherwise."""
        while len(self._producer):
            self._poll(_SLICE_S)
            self._look()
        self._look()
        self._cluster.answered()

    def purge(self) -> None:
        """Send nothing more: forget what is not acknowledged, whose fate is not known then."""
        self._produce = self._refuse
        self._producer.purge()
        deadline = monotonic() + _LAST_REPORTS_S
        while len(self._producer) and monotonic() < deadline:
            self._poll(_SLICE_S)

    def _poll(self, timeout: float) -> None:
        """Take delivery reports, never by `flush`: its callbacks run into the fatal error."""
        try:
            self._producer.poll(timeout)
        except KafkaException as fault:
            self._fatal = fault.args[0]

    def _look(self) -> None:
        """Note that the log answers if it has taken more since; raise where all is at an end."""
        fault = self._faults[0][1] if self._faults else self._fatal
        if fault is not None:
            self._end(self._cluster.refusal() or fault.str())
        acknowledged = self.acknowledged()
        if acknowledged > self._seen or acknowledged == self._sent:
            self._cluster.answered()
            self._stalled = None
        elif self._stalled is None:
            self._stalled = monotonic()
        elif monotonic() - self._stalled > self._patience:
            reason = f"the log took none for {self._patience:g} s"
            self._end(self._cluster.refusal() or reason)
        self._seen = acknowledged
        try:
            self._cluster.check()
        except LogUnavailable as fault:
            self._ended = self._ended or fault
            self.purge()
            raise

    def _end(self, reason: str) -> None:
        """Purge before anything else, and raise `NotAcknowledged`."""
        if self._ended is None:
            self.purge()
            if not self._faults:  # everything was acknowledged just now
                self._produce = self._producer.produce
                return
            records = self._sent - self.acknowledged()
            self._ended = NotAcknowledged(self._faults[0][0], records, reason)
        raise self._ended

    def _refuse(self, *_: object) -> None:
        raise self._ended or ValueError("a purged producer sends nothing")


class Publisher:
    """Publishes events of one source to one topic; `seq` rises by one for each event."""

    def __init__(
        self,
        cluster: Cluster,
        registry: Registry,
        topic: Topic,
        source: str,
        *,
        producer: Producer | None = None,
        linger_ms: float = 5.0,
    ) -> None:
        topics.ensure(cluster, [topic])
        self.producer = producer or Producer(cluster, linger_ms=linger_ms)
        self._registry, self.source = registry, source
        self._name = topic.full_name(cluster.namespace)
        self._limit = topic.max_bytes - ENVELOPE
        self._partition = 0 if topic.partitions == 1 else -1
        self._kinds: dict[type, tuple[Encode, TimeOf]] = {}
        self._next = 0
        for event in topic.events:
            self._learn(catalogue.event_class(event))

    def _learn(self, cls: type) -> None:
        encode = avro.writer(cls, framing.prefix(self._registry.register_event(cls)))
        self._kinds[cls] = encode, attrgetter(time_field(cls))

    def publish(
        self,
        event: Any,
        *,
        seq: int | None = None,
        given_id: UUID | None = None,
        source: str | None = None,
        epoch: int | None = None,
    ) -> None:
        """Queue an event; raise `RecordTooLarge`.

        The record's seq is the one given, or one more than the last; its source is the
        publisher's unless another is given. `epoch` is of an instance that may be replaced.
        """
        encode, time_of = self._kinds[type(event)]
        number = self._next if seq is None else seq
        if given_id is None and epoch is None:
            headers = reported(source or self.source, number)
        else:
            headers = to_headers(Provenance(source or self.source, number, given_id, epoch=epoch))
        self._send(encode(event), event.record_key, time_of(event) // 1000, number, headers)

    def publish_encoded(
        self, schema_id: int, data: bytes, *, key: str | None, timestamp: int
    ) -> None:
        """Queue Avro bytes of a registered schema; `timestamp` in ms; raise `RecordTooLarge`."""
        number = self._next
        headers = reported(self.source, number)
        self._send(framing.prefix(schema_id) + data, key, timestamp, number, headers)

    def _send(
        self, value: bytes, key: str | None, timestamp: int, number: int, headers: Headers
    ) -> None:
        if len(value) > self._limit:
            raise RecordTooLarge(self._name, len(value), self._limit)
        # to librdkafka 0 is "now" and less is refused: instants before 1970 share the first ms
        self.producer.send(
            self._name, value, key, self._partition, timestamp if timestamp > 0 else 1, headers
        )
        self._next = number + 1

    def flush(self) -> None:
        """Wait until everything published is acknowledged; raise `NotAcknowledged` otherwise."""
        self.producer.flush()


ENVELOPE = 1024
"""Bytes kept free in a topic's size limit for the batch header, the key and our headers."""
