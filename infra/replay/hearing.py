"""The control topic of a replay, read from its beginning on."""

from collections.abc import Iterator
from typing import Any

from confluent_kafka import TopicPartition

from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.errors import Undecodable
from infra.log.reading import consume, pass_over
from infra.log.registry import Registry
from schemas.record import Position
from schemas.topics import REPLAY_CONTROL

_AT_ONCE = 100


class ControlTopic:
    """Gives the events of a replay's control topic, without a group; close it when done."""

    def __init__(self, target: Cluster, registry: Registry) -> None:
        self._cluster, self._record = target, Decoder(registry).record
        self.name = REPLAY_CONTROL.full_name(target.namespace)
        self._consumer = target.consumer()
        self._consumer.assign([TopicPartition(self.name, 0, 0)])

    def events(self, timeout: float) -> Iterator[tuple[int, Any]]:
        """Yield the next events with their offsets, none in place of what can't be read.

        It waits up to `timeout` s for the first.
        """
        for message in consume(self._consumer, _AT_ONCE, timeout):
            position = Position(message.topic(), message.partition(), message.offset())
            fault = message.error()
            if fault is not None:
                pass_over(fault, position, self._cluster)
                continue
            try:
                yield position.offset, self._record(message).event
            except Undecodable:
                yield position.offset, None

    def close(self) -> None:
        """Leave the log."""
        self._consumer.close()
