"""What the log has of a recording already: its events by content, its ids, its source's numbers."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple
from uuid import UUID

from infra.log import reading, topics
from infra.log.batches import Decoding
from infra.log.cluster import Cluster
from infra.log.registry import Registry
from infra.windows import NightIndex
from producers import Entry, Recording
from producers.identity import event_digest
from schemas.errors import EvctlError
from schemas.events.recordings import RecordingImported
from schemas.events.tcs import TcsEvent
from schemas.record import AnyRecord, Provenance
from schemas.repeats import Repeats
from schemas.topics import IMPORTS


class TwoUnderOneId(EvctlError):
    """An event of the recording has the id of another event."""

    exit_code = 65

    def __init__(self, identity: UUID, place: str, other: str) -> None:
        super().__init__(
            f"{place}: the event has the id {identity}, as has another event, {other}; readers "
            "would take them for one: give one of them another id, or none."
        )
        self.id, self.place, self.other = identity, place, other


class _Holder(NamedTuple):
    """Who has an id: a digest of the event, and where it stands on the log or in the recording."""

    digest: bytes
    where: str | int


class Numbering:
    """Under which source the events of a recording are sent, each with its place as seq.

    That is the recording's own, as long as seqs rise in it. Where the log has later events of the
    recording and lacks earlier ones (they were removed, or a client left a hole), readers would
    drop these as repeats: they go under a second source, or a third, with the id they always had.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self._highest: dict[str, int] = {}
        self.highest = -1
        """The highest seq that the log has of the recording's own source; −1 if none."""

    def saw(self, provenance: Provenance) -> None:
        """Take note of who numbered a record that the log has."""
        source, seq, *_ = provenance
        if source.startswith(self.source) and seq > self._highest.get(source, -1):
            self._highest[source] = seq
            self.highest = self._highest.get(self.source, -1)

    def of(self, seq: int, given: UUID | None) -> Provenance:
        """Return the source to be used for the event of this seq, and its id where it is needed."""
        source, number = self.source, 1
        while seq <= self._highest.get(source, -1):
            number += 1
            source = f"{self.source}.{number}"
        if number > 1:
            self._highest[source] = seq
            given = given or UUID(bytes=Provenance(self.source, seq).id_bytes)
        return Provenance(source, seq, given)


class AlreadyThere:
    """Which events the log has of the nights of a recording, by their content.

    An overlapping recording is another file, with other positions: only the content tells that an
    event is there. Two equal events in one recording are two: they are counted. A night is read
    when the recording first comes to it; where the log has nothing of it, that costs nothing. Only
    of a recording that was imported before are all nights read at once, to know all its seqs.
    """

    def __init__(
        self,
        cluster: Cluster,
        registry: Registry,
        index: NightIndex,
        recording: Recording,
        numbering: Numbering,
    ) -> None:
        self._cluster, self._index, self._recording = cluster, index, recording
        self._decoding, self._numbering = Decoding(registry), numbering
        self._nights: dict[int, Counter[bytes]] = {}
        self._ids: dict[bytes, _Holder] = {}
        self._nights_of_ids: set[int] = set()
        self._known = self._imported_before()

    def takes(self, event: TcsEvent, night: int) -> bool:
        """Whether the log has the event and no earlier one of the recording stood for it."""
        there = self._nights.get(night)
        if there is None:
            there = self._nights[night] = Counter()
            if night not in self._known:
                self._count(range(night, night + 1))
        if not there:
            return False
        digest = event_digest(event)
        if not there[digest]:
            return False
        there[digest] -= 1
        return True

    def has_id(self, entry: Entry, identity: UUID, night: int) -> bool:
        """Whether the entry's id is there, of the same event; raise `TwoUnderOneId` of another.

        There is on the log in that night, or earlier in the recording.
        """
        if night not in self._nights_of_ids:
            self._nights_of_ids.add(night)
            for record in self._records(range(night, night + 1)):
                holder = _Holder(event_digest(record.event), str(record.position))
                self._ids[record.provenance.id_bytes] = holder
        mine = _Holder(event_digest(entry.event), entry.where)
        holder = self._ids.setdefault(identity.bytes, mine)
        if holder is not mine and holder.digest != mine.digest:
            raise TwoUnderOneId(identity, self._place(mine.where), self._place(holder.where))
        return holder is not mine

    def _place(self, where: str | int) -> str:
        return where if isinstance(where, str) else self._recording.place(where)

    def _imported_before(self) -> range:
        """Read the nights of the recording, if an import of it came to its end; return which."""
        topics.ensure(self._cluster, [IMPORTS])
        place = (IMPORTS.full_name(self._cluster.namespace), 0)
        low, end = reading.whole(self._cluster, [place])[place]
        number, nights = self._index.nights.number, range(0)
        for batch in reading.messages(self._cluster, {place: [(low, end)]}) if low < end else ():
            for record in self._decoding.batch(batch).records:
                event = record.event
                if isinstance(event, RecordingImported) and event.source == self._numbering.source:
                    nights = range(number(event.first_time), number(event.last_time) + 1)
        if nights:
            self._count(nights)
        return nights

    def _count(self, nights: range) -> None:
        number = self._index.nights.number
        for record in self._records(nights):
            counted = self._nights.setdefault(number(record.time), Counter())
            counted[event_digest(record.event)] += 1

    def _records(self, nights: range) -> Iterator[AnyRecord]:
        """Yield the TCS events that the log has of the nights; what can't be read is none."""
        number, repeats = self._index.nights.number, Repeats()
        ranges = self._index.ranges(nights[0], nights[-1])
        for batch in reading.messages(self._cluster, ranges):
            for record in self._decoding.batch(batch).records:
                self._numbering.saw(record.provenance)
                if repeats.has(record) or not isinstance(record.event, TcsEvent):
                    continue
                if number(record.time) in nights:
                    yield record
