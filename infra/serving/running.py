"""Services and workers as members of a consumer group: partitions come and go."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from functools import partial
from time import monotonic
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition

from infra.database import DatabaseAway
from infra.database.seats import SeatStore
from infra.dying import Point, reach
from infra.log import codes, reading, topics
from infra.log.batches import Fault
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.errors import LogUnavailable, NotAcknowledged, Undecodable
from infra.log.membership import Membership, is_still
from infra.log.reading import Message, Place
from infra.log.registry import Registry
from infra.namespaces import replay_of
from infra.projecting.judging import Live
from infra.quarantine.writing import Quarantine
from infra.serving import snapshots
from infra.serving.hearing import Ear
from infra.serving.outputs import Outputs
from infra.serving.roles import Cast
from infra.serving.taking_over import Taken, closing_record, own_records, take_over
from infra.serving.working import Around, PutOff, SeatLost
from infra.signals import Stop
from schemas.events.services import SettingsTookEffect
from schemas.record import AnyRecord, Position
from schemas.repeats import is_news
from schemas.restored import is_restored

_LOGGER = logging.getLogger("evctl.serving")
_BATCH = 1_000
_POLL_S = 0.1
_KEEP_S = 2.0
"""How often snapshots are kept: so much has to be read again after a crash."""

_RETRY_S = 0.5
_PATIENCE_S = 1.0
"""How long an act may take before the member polls beside it."""


class Server:
    """Runs a service or worker at the seats that its group gives to this instance."""

    def __init__(
        self,
        cluster: Cluster,
        registry: Registry,
        store: SeatStore,
        cast: Cast,
    ) -> None:
        self._cluster, self._registry, self._store = cluster, registry, store
        around = Around(self.meanwhile, partial(Ear, cluster, registry), self._is_ending)
        self._role, self._reads, self._writes = cast.role(around), cast.reads, cast.writes
        self._is_live = replay_of(cluster.namespace) is None
        self._decoder = Decoder(registry)
        self._judge = Live(Quarantine(cluster, registry), cluster.namespace)
        self._seats: dict[Place, Taken] = {}
        self._untaken: set[Place] = set()
        self._contested: dict[Place, int] = {}
        self._outputs: Outputs | None = None
        self._consumer: Consumer | None = None
        self._backlog: list[Message] = []
        self._kept_at = monotonic()
        self._dirty = False
        self._in_hand: Place | None = None
        self._stop: Stop | None = None
        self.handled = 0
        self.settled = False
        """Whether the group has said what this instance serves, and all of that is taken over."""
        self.after_each: Callable[[AnyRecord], None] = lambda _: None
        """Called when a record and its effects are handled; it may ask for a stop."""

    def run(self, stop: Stop, membership: Membership) -> None:
        """Serve until a stop is asked for; then keep what is known."""
        self._stop = stop
        topics.ensure(self._cluster, self._reads)
        names = [topic.full_name(self._cluster.namespace) for topic in self._reads]
        consumer = self._consumer = membership.join(
            names, self._given, self._taken_away, lambda _, lost: self._drop(lost)
        )
        try:
            while not stop.requested:
                self._step(consumer, stop)
            self._say_that_we_end()
            self._keep()
        finally:
            self._cluster.leave(consumer)

    def once(self, stop: Stop) -> None:
        """Handle what is on the log now; another instance of the service loses its seats."""
        self._stop = stop
        topics.ensure(self._cluster, self._reads)
        names = [topic.full_name(self._cluster.namespace) for topic in self._reads]
        real = topics.describe(self._cluster, names)
        self._outputs = Outputs(self._cluster, self._registry, self._writes)
        for place in [(name, n) for name in names for n in range(real[name].partitions)]:
            taken = self._taken_over(self._outputs, place)
            try:
                if not self._adopt(place, taken, stop):
                    return
            except SeatLost:
                _LOGGER.warning("another instance took over %s[%d]", *place)
                self._let_go(place)
            except PutOff as put_off:
                _LOGGER.warning("%s", put_off)
                return
        self._keep()

    def _is_ending(self) -> bool:
        return self._stop is not None and self._stop.requested

    def _say_that_we_end(self) -> None:
        """Say of each seat that nobody decides any more; a crash can't.

        Not in a replay: it carries what instances said of themselves then.
        """
        for place, taken in self._seats.items() if self._is_live else ():
            said = closing_record(self._role, taken)
            if said is not None and self._outputs is not None and place not in self._untaken:
                event, provenance = said
                self._outputs.send(self._outputs.encoded(event, place), provenance)

    # The group gives and takes

    def _given(self, consumer: Consumer, given: list[TopicPartition]) -> None:
        """Hold partitions still until their seats are taken over, outside of this callback."""
        reach(Point.GIVEN)
        places = [(p.topic, p.partition) for p in given]
        # a real offset: where librdkafka has to ask the log for the end, an answer that comes after
        # `_sit_down` has said where to read from counts all the same
        ends = {place: end for place, (_, end) in reading.whole(self._cluster, places).items()}
        consumer.incremental_assign([TopicPartition(*place, end) for place, end in ends.items()])
        consumer.pause([TopicPartition(*place) for place in places])
        self._untaken.update(places)
        self.settled = not self._untaken

    def _taken_away(self, consumer: Consumer, given: list[TopicPartition]) -> None:
        self._keep()
        reach(Point.TAKEN_AWAY)
        self._drop(given)
        consumer.incremental_unassign(given)

    def _drop(self, given: Sequence[TopicPartition]) -> None:
        for partition in given:
            self._let_go((partition.topic, partition.partition))
            self._untaken.discard((partition.topic, partition.partition))
            self._contested.pop((partition.topic, partition.partition), None)

    def _let_go(self, place: Place) -> None:
        self._seats.pop(place, None)
        if self._in_hand == place:
            self._in_hand = None

    def _leave_aside(self, places: Sequence[Place]) -> None:
        """Handle nothing more of partitions until they are taken over anew."""
        if self._consumer is not None:
            self._consumer.pause([TopicPartition(*place) for place in places])
        for place in places:
            self._let_go(place)
        self._untaken.update(places)

    def _leave_to_another(self, places: Sequence[Place]) -> None:
        """Leave seats aside that another instance has: ours again only if the group says so.

        Else two that were started under one id would take them from each other, until a heartbeat
        tells one of them that it is a member no more.
        """
        self._contested |= {place: self._seats[place].next_offset for place in places}
        self._leave_aside(places)

    # One turn of the loop

    def _step(self, consumer: Consumer, stop: Stop) -> None:
        try:
            if self._untaken:
                self._take_over(consumer, stop)
            self._serve(consumer, _POLL_S, stop)
            self._cluster.check()
            if self._outputs is not None:
                self._outputs.serve()
            if self._dirty and monotonic() - self._kept_at > _KEEP_S:
                self._keep()
        except NotAcknowledged as fault:
            _LOGGER.warning("%s Taking over anew.", fault)
            self._leave_aside(self._begin_again(stop))
        except SeatLost:
            self._leave_to_another(self._begin_again(stop))
        except PutOff as put_off:  # a stop is asked for
            _LOGGER.warning("%s", put_off)

    def _serve(self, consumer: Consumer, timeout: float, stop: Stop) -> None:
        """Handle what has come, or comes within `timeout` s, for the seats that are taken.

        What waits behind a record at which a stop is asked for is left to the next instance.
        """
        self._backlog += reading.consume(consumer, _BATCH, timeout)
        waiting, self._backlog = self._backlog, []
        if waiting:
            self._registry.fetched()
        for message in waiting:
            if stop.requested:
                return
            self._handle(message)

    def _begin_again(self, stop: Stop) -> Sequence[Place]:
        """Send nothing more behind an event that is not there; return the seats to leave aside."""
        if self._outputs is not None:
            self._outputs.purge()
        self._outputs = None
        self._backlog.clear()
        stop.wait(_RETRY_S)
        return list(self._seats)

    def _take_over(self, consumer: Consumer, stop: Stop) -> None:
        if self._contested and not is_still(consumer, self._cluster, self._contested):
            return
        self._contested.clear()
        for place in sorted(self._untaken):
            if stop.requested:
                return
            if place not in self._untaken:
                continue  # taken away while another was adopted
            if self._outputs is None:
                self._outputs = Outputs(self._cluster, self._registry, self._writes)
            try:
                taken = self._taken_over(self._outputs, place)
            except DatabaseAway as away:
                _LOGGER.warning("%s Taking over waits for it.", away)
                stop.wait(_RETRY_S)
                return
            if self._adopt(place, taken, stop):
                self._sit_down(consumer, place)

    def _taken_over(self, outputs: Outputs, place: Place) -> Taken:
        """Take a seat over; what was put in quarantine before is known then."""
        taken = take_over(self._cluster, self._decoder, self._store, self._role, outputs, place)
        self._judge.refresh()
        self._judge.taken(self._role.name, place, taken.seat.epoch)
        self._judge.announce(place[:1])
        return taken

    def _adopt(self, place: Place, taken: Taken, stop: Stop) -> bool:
        """Handle what is on the log until now; false if the seat was lost meanwhile, or a stop."""
        self._seats[place], start, count = taken, taken.next_offset, 0
        for batch in reading.messages(self._cluster, {place: [(start, taken.until)]}):
            self._registry.fetched()
            for message in batch:
                self._handle(message)
            count += len(batch)
            if self._consumer is not None:
                self._serve(self._consumer, 0, stop)
            if self._seats.get(place) is not taken or stop.requested:
                return False
        taken.recorded.close()
        taken.next_offset = max(taken.next_offset, taken.until)
        self._dirty = True
        assert self._outputs is not None
        for event, provenance in own_records(self._role, taken) if self._is_live else ():
            self._outputs.send(self._outputs.encoded(event, place), provenance)
        self._outputs.flush()
        reach(Point.ADOPTED)
        _LOGGER.info(
            "took over %s[%d] with epoch %d: %d records adopted from offset %d",
            *place,
            taken.seat.epoch,
            count,
            start,
        )
        return True

    def _sit_down(self, consumer: Consumer, place: Place) -> None:
        partition = TopicPartition(*place)
        consumer.incremental_unassign([partition])
        consumer.incremental_assign([TopicPartition(*place, self._seats[place].next_offset)])
        consumer.resume([partition])
        self._untaken.discard(place)
        self.settled = not self._untaken
        self._dirty = True

    def _handle(self, message: Message) -> None:
        place = (message.topic(), message.partition())
        taken = self._seats.get(place)
        error = message.error()
        if error is not None:
            self._on_error(error, place, message.offset())
            return
        offset = message.offset()
        if taken is None or offset < taken.next_offset:
            return
        record = self._record(message)
        if record is None:
            taken.next_offset = offset + 1
            return
        news = is_news(record.provenance, taken.high_waters)
        if news and not taken.post.is_own(record) and not is_restored(record.provenance):
            recorded = taken.recorded if offset < taken.until else None
            self._in_hand = place
            taken.post.handle(record, recorded)
            self._in_hand = None
            event = record.event
            if isinstance(event, SettingsTookEffect) and event.service == self._role.name:
                taken.settings = event.digest
            self.handled += 1
            self.after_each(record)
        taken.next_offset, taken.last = offset + 1, record
        self._dirty = True

    def _record(self, message: Message) -> AnyRecord | None:
        """Return the record of a message, none if it is in quarantine, or goes there now."""
        name, fault = self._role.name, Fault(message, "")
        if self._judge.spares(name, fault):
            return None
        try:
            return self._decoder.record(message)
        except Undecodable as undecodable:
            self._judge.refuse(name, [Fault(message, undecodable.reason)])
            return None

    def _on_error(self, error: KafkaError, place: Place, offset: int) -> None:
        """Take a seat over anew whose records are gone, which says how they are."""
        if error.code() not in {codes.AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}:
            reading.pass_over(error, Position(*place, offset), self._cluster)
        elif place in self._seats:
            self._leave_aside([place])

    def _keep(self) -> None:
        """Write snapshots, if there is anything new.

        Not of a seat with a record in hand (a worker's act may take long, and partitions move
        meanwhile; or an error has come of it, and ends us): whoever reads on from it has to find
        that record new, and what it has begun.
        """
        aside = {*self._untaken, self._in_hand}
        sitting = {place: self._seats[place] for place in sorted(self._seats) if place not in aside}
        if not sitting or self._outputs is None or not self._dirty:
            return
        try:
            if anew := snapshots.made_anew(self._cluster, sitting):
                self._leave_aside(anew)
                return
            fenced = snapshots.keep(self._store, self._role.layout, sitting, self._outputs)
        except DatabaseAway as away:
            _LOGGER.warning("%s Snapshots wait for it.", away)
            self._kept_at = monotonic()
            return
        except (NotAcknowledged, LogUnavailable) as fault:
            _LOGGER.warning("%s No snapshot was kept.", fault)
            return
        self._kept_at, self._dirty = monotonic(), False
        if fenced:
            _LOGGER.warning("another instance took over %s", fenced)
            self._leave_to_another(fenced)

    def meanwhile(self, future: "Future[Any]") -> bool:
        """Keep the group's membership until a future is done; false if a seat was lost."""
        before = set(self._seats)
        wait([future], _PATIENCE_S if self._consumer is not None else None)
        if self._consumer is not None and not future.done():
            held = [TopicPartition(*place) for place in before - self._untaken]
            self._consumer.pause(held)
            while not future.done():
                self._backlog += reading.consume(self._consumer, _BATCH, 0)
                wait([future], _POLL_S)
            self._consumer.resume([p for p in held if (p.topic, p.partition) in self._seats])
        return before <= set(self._seats)
