"""The log to listeners of ZeroMQ: what is appended, under the names that they know."""

import logging
from collections.abc import Iterator
from functools import partial

from confluent_kafka import KafkaException

from infra import clock
from infra.bridge.errors import BeyondEnd
from infra.bridge.moving import look_for_broker
from infra.bridge.sockets import Speaking
from infra.bridge.wish import Wish
from infra.broker.errors import BrokerError
from infra.counting import counted
from infra.log import reading, topics
from infra.log.batches import Decoding
from infra.log.cluster import Cluster, connect
from infra.log.errors import LogDiverged, LogTruncated, LogUnavailable, RegistryUnavailable
from infra.log.reading import Message, Place
from infra.log.registry import Registry
from infra.settings import Settings
from infra.signals import Stop
from infra.tailing.following import following
from infra.tailing.selection import Edge
from producers import ocd, tcs_wire
from producers.tcs_wire import NotOnWire
from schemas.events.tcs import TcsEvent
from schemas.record import AnyRecord, Position
from schemas.repeats import Repeats
from schemas.topics import OBSERVATORY

_AWAY = (LogUnavailable, RegistryUnavailable, BrokerError, KafkaException)
_AGAIN_S = 1.0
_LOOK_S = 0.2

_LOGGER = logging.getLogger("evctl.bridge")


class Server:
    """Sends the records of `observatory` until a stop is asked for; it commits nothing."""

    def __init__(self, site: Settings, speaking: Speaking, wish: Wish, stop: Stop) -> None:
        self._site, self._speaking, self._wish, self._stop = site, speaking, wish, stop
        self._repeats = Repeats()
        self._next: int | None = None
        self._from = wish.start if isinstance(wish.start, int) else 0
        self._live_from = 0
        self.served = self.unnamed = self.unreadable = 0

    def run(self) -> None:
        """Serve, through restarts of the log.

        Raises what it finds wrong at the first look, and later `LogDiverged` or `LogTruncated`
        where it is another log, or has lost what is next.
        """
        while not self._stop.requested:
            try:
                self._serve_on(connect(self._site))
                if self._wish.once:
                    return
            except _AWAY as fault:
                if self._next is None:
                    raise
                _LOGGER.warning("%s Listeners wait until it is back.", fault)
                self._stop.wait(_AGAIN_S)

    def said(self) -> str:
        """Return the account of what was served, in words."""
        parts = [f"{counted(self.served, 'event')} served"]
        if self.unnamed:
            parts.append(f"{counted(self.unnamed, 'record')} without a name there")
        if self.unreadable:
            parts.append(f"{counted(self.unreadable, 'record')} not readable")
        if lagging := self._speaking.lagging:
            times = "once" if lagging == 1 else f"{lagging:,} times"
            parts.append(f"a listener was too slow, {times}, and lost events")
        return "; ".join(parts)

    def _serve_on(self, cluster: Cluster) -> None:
        """Serve from where it was, until a stop or an error of the log."""
        place: Place = (OBSERVATORY.full_name(cluster.namespace), 0)
        if not self._there(cluster, place[0]):
            return
        low, end = reading.whole(cluster, [place])[place]
        start = self._begin(place, low, end)
        decoding = Decoding(Registry(cluster))
        for batch in self._messages(cluster, place, start, end):
            found = decoding.batch([message for message in batch if message.offset() >= self._from])
            self.unreadable += len(found.unreadable)
            for record in found.records:
                self._serve(record)
            self._next = batch[-1].offset() + 1
            if self._stop.requested:
                return

    def _there(self, cluster: Cluster, name: str) -> bool:
        """Have the topic there, which a replay makes itself when it begins; false if stopped.

        A replay that was waited for is read from its beginning, whatever of it is to be served.
        """
        if not self._wish.replay:
            topics.ensure(cluster, [OBSERVATORY])
            return True
        if name in topics.existing(cluster):
            return True
        _LOGGER.info("waiting for the replay to begin: there is no %s yet", name)
        while name not in topics.existing(cluster):
            if self._stop.wait(_LOOK_S):
                return False
        self._next = 0
        return True

    def _begin(self, place: Place, low: int, end: int) -> int:
        """Return the offset to go on at; raise where that is none of the log's."""
        if self._next is None:
            self._live_from = end
            start, edges = self._wish.start, {Edge.START: low, Edge.END: end}
            self._next = edges[start] if isinstance(start, Edge) else start
            if self._wish.replay:  # it may not have come so far: what is in front is passed over
                self._next = min(self._next, end)
            if self._next > end:
                raise BeyondEnd(place, self._next, end)
        if self._next > end:
            raise LogDiverged(Position(*place, end), "its end", "more")
        if self._next < low:
            raise LogTruncated(Position(*place, self._next), low)
        return self._next

    def _messages(
        self, cluster: Cluster, place: Place, start: int, end: int
    ) -> Iterator[list[Message]]:
        yield from reading.messages(cluster, {place: [(start, end)]}, batch=1000)
        if not self._wish.once:
            look = partial(look_for_broker, self._site, cluster)
            yield from following(cluster, {place: end}, self._stop, look)

    def _serve(self, record: AnyRecord) -> None:
        if self._is_repeat(record):
            return
        events = ocd.as_tcs(record.event, clock.utc_micros())
        self.unnamed += not events
        for event in events:
            self._serve_event(event, record.position.offset)

    def _serve_event(self, event: TcsEvent, offset: int) -> None:
        if self._wish.names.have(event.topic):
            of_now = self._wish.of_now
            self._send(ocd.of_now(event, clock.utc_micros()) if of_now else event)
        if self._wish.answers and offset >= self._live_from:
            reply = ocd.heartbeat_reply(event, clock.utc_micros())
            if reply is not None:
                self._send(reply)

    def _is_repeat(self, record: AnyRecord) -> bool:
        """Whether listeners were sent a record before, and a replay does not go back to it now."""
        return not self._wish.replay and self._repeats.has(record)

    def _send(self, event: TcsEvent) -> None:
        try:
            frames = tcs_wire.frames_of(event)
        except NotOnWire:
            self.unnamed += 1
        else:
            self._speaking.send(frames, self._stop.wait)
            self.served += 1
