"""Where a service's or worker's events go, and that they are acknowledged."""

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any

from confluent_kafka import KafkaError, Message

from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.errors import NotAcknowledged, RecordTooLarge
from infra.log.partitioning import partition_of
from infra.log.reading import Place
from infra.log.registry import Registry
from infra.log.writing import ENVELOPE, Producer
from infra.replay.namespace import replay_of
from schemas import avro, catalogue, framing
from schemas.declare import time_field
from schemas.record import Provenance, to_headers
from schemas.topics import Topic


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
        self._partitions = {name: found.partitions for name, found in real.items()}
        self._kinds: dict[type, tuple[Topic, Callable[[Any], bytes], Callable[[Any], int]]] = {}
        for one in declared:
            for event in one.events:
                cls = catalogue.event_class(event)
                encode = avro.writer(cls, framing.prefix(registry.register_event(cls)))
                self._kinds[cls] = one, encode, attrgetter(time_field(cls))
        self._offsets: dict[Place, int] = {}
        self._producer = Producer(cluster, linger_ms=linger_ms, on_delivered=self._delivered)

    def _delivered(self, _: KafkaError | None, message: Message) -> None:
        place, offset = (message.topic(), message.partition()), message.offset()
        if None not in place and offset is not None:
            self._offsets[place] = offset  # type: ignore[index]  # both are known, see above

    def place_of(self, event: Any) -> Place:
        """Return the partition that an event goes to."""
        name = self._kinds[type(event)][0].full_name(self._cluster.namespace)
        return name, partition_of(event.record_key, self._partitions[name])

    def send(self, event: Any, provenance: Provenance, place: Place | None = None) -> None:
        """Queue an event; raise `RecordTooLarge` or what the producer raises."""
        topic, encode, time_of = self._kinds[type(event)]
        name, partition = place or self.place_of(event)
        value = encode(event)
        if len(value) > topic.max_bytes - ENVELOPE:
            raise RecordTooLarge(name, len(value), topic.max_bytes - ENVELOPE)
        millis = max(1, time_of(event) // 1000)  # 0 is "now" to librdkafka
        headers = to_headers(provenance._replace(replay=self._replay))
        self._producer.send(name, value, event.record_key, partition, millis, headers)

    def announce(self, event: Any, provenance: Provenance) -> Mapping[Place, int]:
        """Append an event to every partition; return at which offset it stands in each."""
        self.flush()
        self._offsets.clear()
        for place in self.places:
            self.send(event, provenance, place)
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
