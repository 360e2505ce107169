"""The closed loop of a replay: a simulated telescope plays the workers, in lock-step.

The replay goes past a recorded heartbeat of TCS only when the orchestrator's answer to it is there;
what it asked for until then, the telescope hears, and answers between the records that follow.
"""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from infra.log.cluster import Cluster
from infra.log.reading import Message, Place
from infra.log.registry import Registry
from infra.replay.event_time import EventTimes
from infra.replay.kinds import Kinds
from infra.replay.saying import Saying
from infra.simulating.hearing import Hearing, answers
from producers.telescope.answering import HEARD, Answers
from producers.telescope.talking import HEARTBEAT
from schemas import avro, framing
from schemas.declare import time_field
from schemas.events.tcs import TcsEvent
from schemas.events.ticks import TimePassed
from schemas.record import Position, from_headers
from schemas.repeats import is_news

_LOOK_S = 0.1
_TELLING = frozenset({TcsEvent, TimePassed})
_KEY = ".".join(HEARTBEAT).encode()


class LockStep:
    """Weaves the telescope's answers into the messages of `place`; `watch` as in a simulation.

    One serves all parts of a replay, in turn.
    """

    def __init__(
        self,
        target: Cluster,
        registry: Registry,
        replay: str,
        place: Place,
        stopped: Callable[[], bool],
        watch: Callable[[float], None],
    ) -> None:
        self._target, self._registry, self._place = target, registry, place
        self._stopped, self._watch = stopped, watch
        self._source = f"stand-in/{replay}"
        self._answers, self._seq = Answers(seed=0), 0
        self._kinds, self._times = Kinds(registry.decoder), EventTimes(registry.decoder)
        self._high_waters: dict[str, int] = {}
        self._hearing: Hearing | None = None
        self._encoders: dict[type, Callable[[Any], bytes]] = {}

    def is_heartbeat(self, message: Message) -> bool:
        """Whether the replay waits behind a message."""
        return message.key() == _KEY and message.topic() == self._place[0]

    def woven(self, messages: Iterator[tuple[int, Message]]) -> Iterator[tuple[int, Message]]:
        """Yield messages with their merge times, each behind the answers that are due before it.

        By the times of TCS's events and of ticks, that is: other records may be of another time.
        Behind a heartbeat it waits, so that it has to be sent before more is asked for.
        """
        for time, message in messages:
            if message.topic() == self._place[0] and self._kinds.of(message) in _TELLING:
                while (event := self._answers.due(self._times.of(message))) is not None:
                    yield time, self._said(event)
            yield time, message
            if message.topic() == self._place[0]:
                self._pass(message)

    def close(self) -> None:
        """Hear nothing more."""
        if self._hearing is not None:
            self._hearing.close()

    def _pass(self, message: Message) -> None:
        """Wait behind a heartbeat, but for one that was recorded twice, which nobody answers."""
        provenance = from_headers(message.headers(), Position(*self._place, message.offset()))
        if is_news(provenance, self._high_waters) and self.is_heartbeat(message):
            self._listen(UUID(bytes=provenance.id_bytes), self._times.of(message))

    def _said(self, event: Any) -> Saying:
        cls = type(event)
        encode = self._encoders.get(cls)
        if encode is None:
            prefix = framing.prefix(self._registry.register_event(cls))
            encode = self._encoders[cls] = avro.writer(cls, prefix)
        self._seq += 1
        millis = getattr(event, time_field(cls)) // 1000
        return Saying(self._place, self._source, self._seq, encode(event), millis)

    def _listen(self, heartbeat: UUID, time: int) -> None:
        """Let the telescope hear what was asked for up to the answer to a heartbeat."""
        if self._hearing is None:
            self._hearing = Hearing(self._target, self._registry, self._source, shared=True)
        waited = 0.0
        while not self._stopped():
            record = self._hearing.next(_LOOK_S)
            if record is None:
                waited += _LOOK_S
                self._watch(waited)
            elif answers(record, heartbeat):
                return
            elif isinstance(record.event, HEARD):
                self._answers.hear(str(record.id), record.event, time)
