"""The loop that keeps views up to date: in a consumer group, or once to the log's end."""

import logging
from collections.abc import Mapping, Sequence
from time import monotonic

from confluent_kafka import Consumer, KafkaError, TopicPartition

from infra.counting import counted
from infra.database import DatabaseAway
from infra.log import codes, reading, topics
from infra.log.batches import Decoding
from infra.log.cluster import Cluster
from infra.log.membership import Membership
from infra.log.portions import portion
from infra.log.reading import Message, Place, Span
from infra.log.registry import Registry
from infra.projecting.feeding import Feed
from infra.projecting.judging import Live
from infra.quarantine.writing import Quarantine
from infra.settings import Settings
from infra.signals import Stop
from infra.steady import unhurried
from schemas.events.quarantine import ReaderTookOver
from schemas.record import Position
from schemas.topics import topic

_LOGGER = logging.getLogger("evctl.projections")
_REPORT_S = 10.0
_RETRY_S = 0.5
_ONCE_DELAY_S = 0.05
_NOT_THERE = {codes.AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}


class Projector:
    """Feeds views from the partitions that it is given; the offsets are the database's."""

    def __init__(
        self, cluster: Cluster, registry: Registry, feeds: Sequence[Feed], settings: Settings
    ) -> None:
        self._cluster, self._feeds = cluster, feeds
        self._decoding = Decoding(registry)
        self._judge = Live(Quarantine(cluster, registry), cluster.namespace)
        self._batch_size = settings.projections.batch_size
        self._max_delay = settings.projections.max_delay
        names = {name for feed in feeds for name in feed.view.topics}
        self._topics = [topic(name) for name in sorted(names)]
        self._real: dict[str, topics.RealTopic] = {}
        self._committed: dict[Place, int] = {}
        self._untaken: set[Place] = set()
        self._ended: dict[Place, int] = {}
        self.applied = 0

    @property
    def quarantined(self) -> int:
        """How many records were put in quarantine, for one view or another."""
        return self._judge.put

    def once(self, stop: Stop) -> None:
        """Bring the views to the log's present end; another writer of them loses its turn."""
        self._find_topics()
        consumer = self._cluster.consumer(enable_partition_eof=True)
        try:
            places = self._places()
            ends = reading.whole(self._cluster, places)
            consumer.assign(self._taken(places, ends))
            self._reach(ends, consumer, stop)
            if self.quarantined or self._judge.announced:  # which a view shows, too
                self._reach(reading.whole(self._cluster, places), consumer, stop)
        finally:
            consumer.close()

    def _reach(self, ends: Mapping[Place, Span], consumer: Consumer, stop: Stop) -> None:
        with unhurried():
            while not stop.requested and self._behind(ends):
                self._step(consumer, stop, _ONCE_DELAY_S)

    def run(self, stop: Stop, membership: Membership) -> None:
        """Follow the log as a member of a consumer group until a stop is asked for.

        The topics of a replay are made by the replay, which may begin after its projections.
        """
        while not self._find_topics():
            if stop.wait(_RETRY_S):
                return
        consumer = membership.join(list(self._real), self._assigned, self._revoked, ends=True)
        reported = monotonic()
        try:
            with unhurried():
                while not stop.requested:
                    self._step(consumer, stop, self._max_delay)
                    self._commit(consumer)
                    if monotonic() - reported > _REPORT_S:
                        _LOGGER.info("%s applied since the start", counted(self.applied, "record"))
                        reported = monotonic()
        finally:
            self._cluster.leave(consumer)

    def _find_topics(self) -> bool:
        there = set(topics.existing(self._cluster))
        names = [t.full_name(self._cluster.namespace) for t in self._topics]
        found = [name for name in names if name in there]
        self._real = dict(topics.describe(self._cluster, found)) if found else {}
        return bool(found)

    def _places(self) -> list[Place]:
        return [(name, n) for name, real in self._real.items() for n in range(real.partitions)]

    def _behind(self, ends: Mapping[Place, Span]) -> bool:
        return bool(self._untaken) or any(
            held.next_offset < ends[place][1]
            for feed in self._feeds
            for place, held in feed.held.items()
        )

    def _assigned(self, consumer: Consumer, given: list[TopicPartition]) -> None:
        places = [(p.topic, p.partition) for p in given]
        if not places and not any(feed.held for feed in self._feeds):
            _LOGGER.info("standing by: others of the group have all partitions")
        try:
            consumer.incremental_assign(self._taken(places, reading.whole(self._cluster, places)))
        except DatabaseAway as away:
            consumer.incremental_assign([TopicPartition(*place, 0) for place in places])
            self._leave_aside(consumer, places, away)

    def _revoked(self, consumer: Consumer, given: list[TopicPartition]) -> None:
        for partition in given:
            self._let_go((partition.topic, partition.partition))
            self._untaken.discard((partition.topic, partition.partition))
        consumer.incremental_unassign(given)

    def _let_go(self, place: Place) -> None:
        for feed in self._feeds:
            feed.drop(place)

    def _leave_aside(
        self, consumer: Consumer, places: Sequence[Place], why: DatabaseAway | None = None
    ) -> None:
        """Read nothing more of partitions until they are taken anew, while polling goes on."""
        if why is not None:
            _LOGGER.warning("%s Reading waits for it.", why)
        consumer.pause([TopicPartition(*place) for place in places])
        for place in places:
            self._let_go(place)
        self._untaken.update(places)

    def _take_anew(self, consumer: Consumer, stop: Stop) -> None:
        """Take what was left aside, if the database answers, and read it on from what that says."""
        places = sorted(self._untaken)
        try:
            starts = self._taken(places, reading.whole(self._cluster, places))
        except DatabaseAway:
            stop.wait(_RETRY_S)
            return
        partitions = [TopicPartition(*place) for place in places]
        consumer.incremental_unassign(partitions)
        consumer.incremental_assign(starts)
        consumer.resume(partitions)
        self._untaken.clear()

    def _taken(self, places: Sequence[Place], spans: Mapping[Place, Span]) -> list[TopicPartition]:
        """Take partitions for every view made from them; return where reading has to begin."""
        self._judge.refresh()
        self._real.update(topics.describe(self._cluster, sorted({name for name, _ in places})))
        starts = [TopicPartition(*place, self._take(place, spans[place])) for place in places]
        for start in starts:
            _LOGGER.info("took %s[%d] from offset %d", start.topic, start.partition, start.offset)
        return starts

    def _take(self, place: Place, on_log: Span) -> int:
        starts, namespace = [], self._cluster.namespace
        for feed in self._feeds:
            if feed.reads(place, namespace):
                name, real = feed.view.name, self._real[place[0]]
                above = self._judge.epoch(name, place)
                starts.append(feed.take(self._cluster, place, real, on_log, above))
                self._judge.taken(name, place, feed.held[place].epoch)
        return min(starts)

    def _step(self, consumer: Consumer, stop: Stop, delay: float) -> None:
        if self._untaken:
            self._take_anew(consumer, stop)
        got = portion(consumer, self._batch_size, delay)
        self._cluster.check()
        self._ended.clear()
        good = [m for m in got if m.error() is None or self._passing(m)]
        names = {message.topic() for message in good} | self._ended_beyond()
        if not names:
            return
        self._cluster.answered()
        if anew := self._made_anew(names):
            self._leave_aside(consumer, anew)
            return
        self._judge.announce(names)
        batch = self._decoding.batch(good)
        for feed in self._feeds:
            try:
                mine, away = feed.apply(batch, self._judge) and feed.pass_to(self._ended), None
            except DatabaseAway as fault:
                mine, away = False, fault
            if not mine:
                if away is None:
                    _LOGGER.warning("another instance wrote %s; taking it anew", feed.view.name)
                given = [(p.topic, p.partition) for p in consumer.assignment()]
                self._leave_aside(consumer, given, away)
                return
        self.applied += sum(not isinstance(r.event, ReaderTookOver) for r in batch.records)

    def _ended_beyond(self) -> set[str]:
        """Return the topics of partitions that have ended beyond what a view has read."""
        return {
            place[0]
            for place, end in self._ended.items()
            for feed in self._feeds
            if place in feed.held and feed.held[place].next_offset < end
        }

    def _made_anew(self, names: set[str]) -> list[Place]:
        """Return what we hold of topics that are not those we took: deleted and made anew.

        A consumer reads on in such a topic at the old one's offset and says nothing.
        """
        real = topics.describe(self._cluster, sorted(names))
        anew = {name for name in names if real[name].id != self._real[name].id}
        return [place for feed in self._feeds for place in feed.held if place[0] in anew]

    def _passing(self, message: Message) -> bool:
        """Pass over an error that mends itself, or says where a partition ends: false."""
        error, place = message.error(), (message.topic(), message.partition())
        if error and error.code() == codes.PARTITION_EOF:
            self._ended[place] = message.offset()
            return False
        if error and error.code() in _NOT_THERE:  # taking it says how the log differs
            self._taken([place], reading.whole(self._cluster, [place]))
        if error:
            reading.pass_over(error, Position(*place, message.offset()), self._cluster)
        return False

    def _commit(self, consumer: Consumer) -> None:
        """Tell the group how far the slowest view is: for lag tools, nothing reads it back."""
        slowest: dict[Place, int] = {}
        for feed in self._feeds:
            for place, held in feed.held.items():
                slowest[place] = min(held.next_offset, slowest.get(place, held.next_offset))
        offsets = [TopicPartition(*place, offset) for place, offset in slowest.items()]
        if offsets and slowest != self._committed:
            self._committed = slowest
            consumer.commit(offsets=offsets, asynchronous=True)


def group_name(namespace: str, views: Sequence[str]) -> str:
    """Return the consumer group of some views (none: all); its members share the work."""
    chosen = f".{'.'.join(sorted(views))}" if views else ""
    return f"{namespace}evctl.projections{chosen}"
