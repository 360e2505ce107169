"""Events to records: numbered by their source, encoded, produced, acknowledged."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any
from uuid import UUID

from confluent_kafka import KafkaError, KafkaException, Message

from infra.log import topics
from infra.log.cluster import Cluster
from infra.log.errors import NotAcknowledged, RecordTooLarge
from infra.log.registry import Registry
from schemas import avro, catalogue, framing
from schemas.declare import time_field
from schemas.record import Provenance, reported, to_headers
from schemas.topics import Topic

Headers = Sequence[tuple[str, bytes]]
Encode = Callable[[Any], bytes]
TimeOf = Callable[[Any], int]


class Producer:
    """Hands records to the log in order, bounded in memory, and knows which it did not take."""

    def __init__(self, cluster: Cluster, *, linger_ms: float = 5.0) -> None:
        self._cluster = cluster
        self._producer = cluster.producer(self._failed, linger_ms=linger_ms)
        self._produce: Callable[..., None] = self._producer.produce
        self._faults: list[tuple[str, KafkaError]] = []
        self._sent = self._acknowledged = 0

    def _failed(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._faults.append((message.topic() or "", error))

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
                raise
            else:
                self._sent += 1
                return

    def serve(self, timeout: float = 0.0) -> None:
        """Take delivery reports for up to `timeout` s; raise `NotAcknowledged` for a failed one.

        Raises `LogUnavailable` where records wait and the log has not answered for long.
        """
        self._producer.poll(timeout)
        self._raise()
        self._look()

    def waiting(self) -> int:
        """Return how many records are not acknowledged yet."""
        return len(self._producer)

    def flush(self) -> None:
        """Wait until everything sent is acknowledged; raise as `serve` does otherwise."""
        while self._producer.flush(0.5):
            self._raise()
            self._look()
        self._raise()
        self._cluster.answered()

    def give_up(self) -> int:
        """Return how many records were not acknowledged, after at most a second's wait for them."""
        self._producer.flush(1.0)
        return self.waiting() + len(self._faults)

    def _raise(self) -> None:
        if self._faults:
            topic, error = self._faults[0]
            reason = self._cluster.refusal() or error.str()
            raise NotAcknowledged(topic, len(self._faults) + self.waiting(), reason)

    def _look(self) -> None:
        """Note that the log answers, if more is acknowledged than at the last look."""
        acknowledged = self._sent - self.waiting()
        if acknowledged > self._acknowledged or acknowledged == self._sent:
            self._cluster.answered()
        self._acknowledged = acknowledged
        self._cluster.check()


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
        self._limit = topic.max_bytes - _ENVELOPE
        self._partition = 0 if topic.partitions == 1 else -1
        self._kinds: dict[type, tuple[Encode, TimeOf]] = {}
        self._next = 0
        for event in topic.events:
            self._learn(catalogue.event_class(event))

    def _learn(self, cls: type) -> None:
        encode = avro.writer(cls, framing.prefix(self._registry.register_event(cls)))
        self._kinds[cls] = encode, attrgetter(time_field(cls))

    def publish(self, event: Any, *, seq: int | None = None, given_id: UUID | None = None) -> None:
        """Queue an event; raise `RecordTooLarge`.

        The record's seq is the one given, or one more than the last.
        """
        encode, time_of = self._kinds[type(event)]
        self._send(encode(event), event.record_key, time_of(event) // 1000, seq, given_id)

    def publish_encoded(
        self, schema_id: int, data: bytes, *, key: str | None, timestamp: int
    ) -> None:
        """Queue Avro bytes of a registered schema; `timestamp` in ms; raise `RecordTooLarge`."""
        self._send(framing.prefix(schema_id) + data, key, timestamp, None, None)

    def _send(
        self, value: bytes, key: str | None, timestamp: int, seq: int | None, given: UUID | None
    ) -> None:
        if len(value) > self._limit:
            raise RecordTooLarge(self._name, len(value), self._limit)
        number = self._next if seq is None else seq
        if given is None:
            headers = reported(self.source, number)
        else:
            headers = to_headers(Provenance(self.source, number, given))
        # to librdkafka 0 is "now" and less is refused: instants before 1970 share the first ms
        self.producer.send(
            self._name, value, key, self._partition, timestamp if timestamp > 0 else 1, headers
        )
        self._next = number + 1

    def flush(self) -> None:
        """Wait until everything published is acknowledged; raise `NotAcknowledged` otherwise."""
        self.producer.flush()


_ENVELOPE = 1024
"""Bytes kept free in a topic's size limit for the batch header, the key and our headers."""
