"""The replay's side of the log: its topics, one producer, and the account of the replay itself."""

import signal
from collections.abc import Sequence
from math import isfinite

from infra import clock
from infra.log.cluster import Cluster
from infra.log.registry import Registry
from infra.log.writing import Producer, Publisher
from infra.replay.carrying import Carrier
from infra.replay.controls import Transport
from infra.replay.crowding import Sending
from infra.replay.desk import Desk, Keys
from infra.replay.listeners import CalledOff, ListenersMissing, await_listeners
from infra.replay.namespace import make_topics, unmake_topics
from infra.replay.report import Report
from infra.replay.request import Request
from infra.signals import Stop
from schemas.events.replays import ReplayStarted
from schemas.topics import REPLAY_CONTROL


class Stage:
    """Where a replay takes place. Making it makes the topics and records `ReplayStarted`.

    `first_time` is the event time of the first record that will be carried (µs UTC). Raises
    `ReplayIdInUse`, and `ListenersMissing` or `CalledOff`, where nothing is left of it.
    """

    def __init__(
        self,
        source: Cluster,
        target: Cluster,
        registry: Registry,
        request: Request,
        first_time: int,
        stop: Stop,
        keys: Keys | None = None,
    ) -> None:
        self._target = target
        names = make_topics(source, target, request.replay, request.topics, request.names)
        self._producers: dict[Sending, Producer] = {}
        self.sending = Sending.ALONE if isfinite(request.speed) else Sending.FLAT_OUT
        self._producer = self._of(self.sending)
        self._journal = Publisher(
            target,
            registry,
            REPLAY_CONTROL,
            f"replay/{request.replay}",
            producer=self._producer,
        )
        self.carrier = Carrier(self._producer, names, request.replay)
        self.desk = Desk(target, registry, self._journal, request.replay, keys)
        if request.invited is not None:
            self._journal.publish(request.invited)
        self._journal.publish(
            ReplayStarted(
                time=clock.utc_micros(),
                replay=request.replay,
                window=", ".join(window.name for window in request.windows),
                topics=[name.removeprefix(source.namespace) for name in request.topics],
                speed=request.speed,
                first_time=first_time,
                records=request.records,
            )
        )
        self.flush()
        try:
            still = Transport(request.speed, first_time, 0, paused=True)
            await_listeners(
                *(target, request.listeners, request.timeout, stop),
                lambda missing: self._decline(missing, still, stop),
            )
        except (ListenersMissing, CalledOff):
            self.close()
            unmake_topics(target)
            raise

    def _decline(self, missing: Sequence[str], still: Transport, stop: Stop) -> None:
        """Say to those who ask for something but an end that it waits for others."""
        why = f"it waits for {' and '.join(missing)} to listen, and has not begun"
        ends = self.desk.decline(why, still)
        self.flush()
        if ends and not stop.requested:
            stop.on_signal(signal.SIGINT)

    def go(self, sending: Sending) -> None:
        """Send in another way from now on."""
        if sending is not self.sending:
            self.flush()
            self.sending, self._producer = sending, self._of(sending)
            self.carrier.producer = self._journal.producer = self._producer

    def make_ready(self, sending: Sending) -> None:
        """Connect for another way of sending, which takes half a second, beside what goes on."""
        self._of(sending)

    def _of(self, sending: Sending) -> Producer:
        """Return the producer for a way of sending, made once."""
        if sending not in self._producers:
            self._producers[sending] = Producer(self._target, linger_ms=sending.value)
        return self._producers[sending]

    def flush(self) -> None:
        """Wait until everything sent is acknowledged; raise `NotAcknowledged` otherwise."""
        self._producer.flush()

    def look(self) -> None:
        """Raise `LogUnavailable` or `NotAcknowledged` if records wait in vain."""
        self._producer.serve()

    def finish(self, report: Report) -> None:
        """Record `ReplayFinished`."""
        self._journal.publish(report.as_event(clock.utc_micros()))
        self.flush()

    def close(self) -> None:
        """Take no more orders."""
        self.desk.close()
