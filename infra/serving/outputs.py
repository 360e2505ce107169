"""Where a service's or worker's events go, and that they are acknowledged."""

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, Message

from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.errors import NotAcknowledged, RecordTooLarge
from infra.log.partitioning import partition_of
from infra.log.reading import Place
from infra.log.registry import Registry
from infra.log.writing import ENVELOPE, Producer
from infra.namespaces import replay_of
from schemas import avro, catalogue, framing
from schemas.declare import time_field
from schemas.record import Provenance, to_headers
from schemas.topics import Topic

_Kind = tuple[Topic, Callable[[Any], bytes], Callable[[Any], int]]
"""Of a class of events: its topic, its encoder, and what returns its time."""


class Encoded(NamedTuple):
    """An event as the producer takes it, but for its headers; `millis` is when it happened."""

    topic: str
    value: bytes
    key: str | None
    partition: int
    millis: int


class NotWritten(TypeError):
    """A service or worker says what is no event of the topics that it writes."""

    def __init__(self, cls: type, known: Iterable[type]) -> None:
        names = ", ".join(sorted(one.__name__ for one in known))
        super().__init__(f"{cls.__name__} is in no topic that is written; those have {names}")


class Encoding:
    """Events of some topics as they are sent; `partitions` says how many each topic has.

    `prefix` returns the framing of a class's values.
    """

    def __init__(
        self, namespace: str, partitions: Mapping[Topic, int], prefix: Callable[[type], bytes]
    ) -> None:
        self._namespace, self._partitions = namespace, partitions
        self._kinds: dict[type, _Kind] = {}
        for one in partitions:
            for event in one.events:
                cls = catalogue.event_class(event)
                encode = avro.writer(cls, prefix(cls))
                self._kinds[cls] = one, encode, attrgetter(time_field(cls))

    def place_of(self, event: Any) -> Place:
        """Return the partition that an event goes to; raise `NotWritten`."""
        topic = self._kind(event)[0]
        partition = partition_of(event.record_key, self._partitions[topic])
        return topic.full_name(self._namespace), partition

    def _kind(self, event: Any) -> _Kind:
        try:
            return self._kinds[type(event)]
        except KeyError:
            raise NotWritten(type(event), self._kinds) from None

    def encoded(self, event: Any, place: Place | None = None) -> Encoded:
        """Return an event as it is sent, to `place` if one is given.

        Raises `NotWritten`, `RecordTooLarge`, or whatever the encoder does for a wrong value.
        """
        topic, encode, time_of = self._kind(event)
        name, partition = place or self.place_of(event)
        value = encode(event)
        if len(value) > topic.max_bytes - ENVELOPE:
            raise RecordTooLarge(name, len(value), topic.max_bytes - ENVELOPE)
        millis = max(1, time_of(event) // 1000)  # 0 is "now" to librdkafka
        return Encoded(name, value, event.record_key, partition, millis)


class Outputs:
    """The partitions that events go to, by their class and key; one producer for all.

    A producer that failed sends nothing more: whoever gets `NotAcknowledged` or `LogUnavailable`
    makes new outputs, and takes over again.
    """

    def __init__(
        self, cluster: Cluster, registry: Registry, writes: Iterable[Topic], linger_ms: float = 1.0
    ) -> None:
        self._cluster, self._replay = cluster, replay_of(cluster.namespace)
        declared = list(writes)
        topics.ensure(cluster, declared)
        real = topics.describe(cluster, [t.full_name(cluster.namespace) for t in declared])
        self.places = [(name, n) for name, found in real.items() for n in range(found.partitions)]
        partitions = {t: real[t.full_name(cluster.namespace)].partitions for t in declared}
        encoding = Encoding(
            cluster.namespace, partitions, lambda cls: framing.prefix(registry.register_event(cls))
        )
        self.place_of, self.encoded = encoding.place_of, encoding.encoded
        self._offsets: dict[Place, int] = {}
        self._producer = Producer(cluster, linger_ms=linger_ms, on_delivered=self._delivered)

    def _delivered(self, _: KafkaError | None, message: Message) -> None:
        place, offset = (message.topic(), message.partition()), message.offset()
        if None not in place and offset is not None:
            self._offsets[place] = offset  # type: ignore[index]  # both are known, see above

    def send(self, event: Encoded, provenance: Provenance) -> None:
        """Queue an event; raise what the producer raises."""
        self._producer.send(*event, to_headers(provenance._replace(replay=self._replay)))

    def announce(self, event: Any, provenance: Provenance) -> Mapping[Place, int]:
        """Append an event to every partition; return at which offset it stands in each."""
        self.flush()
        self._offsets.clear()
        for place in self.places:
            self.send(self.encoded(event, place), provenance)
        self.flush()
        missing = [place for place in self.places if place not in self._offsets]
        if missing:
            raise NotAcknowledged(missing[0][0], len(missing), "the log did not say where it is")
        return dict(self._offsets)

    def serve(self) -> None:
        """Take acknowledgements; raise for an event that failed."""
        self._producer.serve()

    def flush(self) -> None:
        """Wait until all that was sent is acknowledged."""
        self._producer.flush()

    def ends(self) -> Mapping[Place, int]:
        """Return the offset that the next record of each partition gets."""
        return {place: end for place, (_, end) in reading.whole(self._cluster, self.places).items()}

    def purge(self) -> None:
        """Send nothing more."""
        self._producer.purge()


def reason(fault: Exception) -> str:
    """Return an error as an event can say it: not too long, and text that Avro takes."""
    return f"{type(fault).__name__}: {fault}"[:1000].encode(errors="replace").decode()
