"""What the orchestrator has said, read from a simulation's log in its order.

Only few classes are decoded; of the telescope's own records it is known only which is the last.
"""

from collections import deque
from uuid import UUID

from confluent_kafka import TopicPartition

from infra.log import reading
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.reading import Message
from infra.log.registry import Registry
from infra.replay.kinds import Kinds
from infra.simulating.place import SimulationTaken
from producers.telescope.answering import HEARD
from schemas.events.orchestrator import (
    OrchestratorStarted,
    OrchestratorStopped,
    ShotChosen,
    StatesReported,
)
from schemas.events.services import DecisionFailed
from schemas.record import AnyRecord, Position, from_headers
from schemas.repeats import is_news
from schemas.topics import OBSERVATORY

ORCHESTRATOR = "orchestrator"
SOURCE = "simulate"
_WANTED = frozenset(
    {
        *HEARD,
        StatesReported,
        DecisionFailed,
        ShotChosen,
        OrchestratorStarted,
        OrchestratorStopped,
    }
)
_BATCH = 2_000


class Hearing:
    """Reads `observatory` from its beginning; `said` is the last seq of the telescope's own.

    Another simulation there is refused, unless what it said is `shared`.
    """

    def __init__(
        self, cluster: Cluster, registry: Registry, source: str, *, shared: bool = False
    ) -> None:
        self._cluster, self._registry, self.source = cluster, registry, source
        self._decoder, self._kinds = Decoder(registry), Kinds(registry.decoder)
        self._place = (OBSERVATORY.full_name(cluster.namespace), 0)
        self._own, self._other = f"{source}:".encode(), f"{SOURCE}/".encode()
        self._shared = shared
        self._high_waters: dict[str, int] = {}
        self._heard: deque[AnyRecord] = deque()
        first, self._past = reading.whole(cluster, [self._place])[self._place]
        self._next = first
        self.said = -1
        self._decides = False
        self._consumer = cluster.consumer()
        self._consumer.assign([TopicPartition(*self._place, first)])

    def catch_up(self) -> None:
        """Read what is there from before; raise `SimulationTaken` if it is another night."""
        while self._next < self._past:
            self._read(0.1)

    def is_decided(self, timeout: float) -> bool:
        """Whether an orchestrator has begun and not ended; waits `timeout` s for news of that."""
        if not self._decides:
            self._read(timeout)
        return self._decides

    def next(self, timeout: float) -> AnyRecord | None:
        """Return the next record that matters, none if none comes within `timeout` s."""
        if not self._heard:
            self._read(timeout)
        return self._heard.popleft() if self._heard else None

    def close(self) -> None:
        """Leave the log."""
        self._consumer.close()

    def _read(self, timeout: float) -> None:
        got = reading.consume(self._consumer, _BATCH, timeout)
        self._cluster.check()
        if got:
            self._registry.fetched()
        for message in got:
            error = message.error()
            position = Position(*self._place, message.offset())
            if error is not None:
                reading.pass_over(error, position, self._cluster)
                continue
            self._take(message, position)
            self._next = position.offset + 1

    def _take(self, message: Message, position: Position) -> None:
        headers = message.headers()
        src = headers[0][1] if headers else b""
        if src.startswith(self._own):
            self.said = max(self.said, int(src[len(self._own) :]))
            return
        if not self._shared and src.startswith(self._other):
            there = src.rpartition(b":")[0].decode(errors="replace")
            raise SimulationTaken(self._cluster.namespace, there)
        if not is_news(from_headers(headers, position), self._high_waters):
            return
        if self._kinds.of(message) in _WANTED:
            record = self._decoder.record(message)
            self._note(record)
            self._heard.append(record)

    def _note(self, record: AnyRecord) -> None:
        if isinstance(record.event, OrchestratorStarted):
            self._decides = True
        elif isinstance(record.event, OrchestratorStopped):
            self._decides = False


def answers(record: AnyRecord, heartbeat: UUID) -> bool:
    """Whether a record says that the orchestrator has decided about all up to a heartbeat."""
    event, provenance = record.event, record.provenance
    if provenance.cause != heartbeat or provenance.source.partition("/")[0] != ORCHESTRATOR:
        return False
    return isinstance(event, StatesReported | DecisionFailed)
