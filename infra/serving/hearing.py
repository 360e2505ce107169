"""What is said on a partition while a worker is busy with one of its records.

Its seat reads no further meanwhile; a reader beside it does, and looks at some classes only.
"""

from collections.abc import Sequence

from confluent_kafka import TopicPartition

from infra.log import reading
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.registry import Registry
from infra.replay.kinds import Kinds
from schemas.record import AnyRecord, Position

_MOST = 10_000


class Ear:
    """Hears the records of some event classes behind a position."""

    def __init__(
        self, cluster: Cluster, registry: Registry, behind: Position, classes: tuple[type, ...]
    ) -> None:
        self._cluster, self._classes = cluster, classes
        self._decoder, self._kinds = Decoder(registry), Kinds(registry.decoder)
        self._consumer = cluster.consumer()
        topic, partition, offset = behind
        self._consumer.assign([TopicPartition(topic, partition, offset + 1)])

    def heard(self) -> Sequence[AnyRecord]:
        """Return what has come since the last time, without waiting.

        What is gone from the log, or does not come while it is away, is not heard.
        """
        return [
            self._decoder.record(message)
            for message in reading.consume(self._consumer, _MOST, 0)
            if message.error() is None and self._kinds.of(message) in self._classes
        ]

    def close(self) -> None:
        """Hear nothing more."""
        self._consumer.close()
