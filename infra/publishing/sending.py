"""Checked records to the log: in order, at a rate, until all are acknowledged."""

from collections.abc import Iterable
from time import monotonic

from infra import clock
from infra.log.cluster import Cluster
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.publishing.errors import RecordRefused
from infra.publishing.records import Encoded, Encoder
from infra.signals import Stop
from schemas.topics import Topic

_SERVE_EVERY = 1000


class Sending:
    """One run of a publisher: a source of its own, so that a second run makes new records."""

    def __init__(self, cluster: Cluster, topic: Topic, encoder: Encoder) -> None:
        self._registry = Registry(cluster)
        self._publisher = Publisher(cluster, self._registry, topic, f"publish.{clock.fresh_id()}")
        self._encoder = encoder
        self._ids: dict[int, int] = {}
        self.sent = 0

    def send(self, records: Iterable[Encoded], rate: float | None, stop: Stop) -> None:
        """Send the records, at most `rate` a second, until the end or the wish to stop.

        All that were sent are acknowledged when this returns, and also when it raises what the
        records raise.
        """
        start = monotonic()
        try:
            for record in records:
                if rate is not None:
                    stop.wait(max(0.0, start + self.sent / rate - monotonic()))
                if stop.requested:
                    break
                self._one(record)
        except RecordRefused as fault:
            self._publisher.flush()
            raise fault.after(self.sent) from fault
        self._publisher.flush()

    def _one(self, record: Encoded) -> None:
        number = self._ids.get(record.kind)
        if number is None:
            number = self._ids[record.kind] = self._register(record.kind)
        self._publisher.publish_encoded(
            number, record.data, key=record.key, timestamp=record.timestamp
        )
        self.sent += 1
        if self.sent % _SERVE_EVERY == 0:
            self._publisher.producer.serve()

    def _register(self, kind: int) -> int:
        schema = self._encoder.kinds[kind]
        if isinstance(schema, type):
            return self._registry.register_event(schema)
        return self._registry.register_foreign(schema)
