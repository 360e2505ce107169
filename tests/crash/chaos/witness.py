"""Reads the log as it grows, and compares it with what has to be there."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from consumers.silence import service
from infra.log import reading
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.registry import Registry
from infra.serving.recorded import effect
from schemas.events.notices import NoticeDelivered, NoticeExpired, NoticeFailed, NoticeRequested
from schemas.events.services import ServiceTookOver
from schemas.record import AnyRecord, Record
from schemas.repeats import Repeats
from schemas.topics import OBSERVATORY
from tests.crash.chaos.script import LARGEST_BATCH, SOURCES, Script
from tests.crash.chaos.tally import Tally
from tests.integration.serving.silent_telescope import Decision

ENDS = (NoticeDelivered, NoticeExpired, NoticeFailed)


@dataclass
class Said:
    """What the log has of one publisher; `next_seq` is behind the last."""

    source: str
    script: Script
    next_seq: int = 0
    missing: set[int] = field(default_factory=set)
    tally: Tally = field(default_factory=Tally)

    def see(self, record: AnyRecord, *, is_repeat: bool) -> None:
        """Take note of a record, whether it counts or was written before."""
        seq = record.provenance.seq
        if record.event != self.script.event(self.source, seq):
            self.tally.altered += 1
        if seq in self.missing:
            self.tally.disordered += 1
        elif seq < self.next_seq:
            self.tally.duplicated += not is_repeat
        else:
            self.missing.update(range(self.next_seq, seq))
            self.next_seq = seq + 1

    def compare(self, acked: int) -> Tally:
        """Return what is wrong with it, where so much was acknowledged: up to this number."""
        found = self.tally.copy()
        found.compared = acked + 1
        found.lost += len(self.missing) + max(0, acked + 1 - self.next_seq)
        found.altered += max(0, self.next_seq - (acked + 1 + LARGEST_BATCH))  # nobody said these
        return found


@dataclass
class Decisions:
    """What `silence` has decided beside what it has to, by a model that knows no crash.

    About records before offset `first` nothing is decided.
    """

    first: int
    state: Any = field(default_factory=lambda: service().initial)
    waiting: deque[Decision] = field(default_factory=deque)
    tally: Tally = field(default_factory=Tally)

    def see(self, record: AnyRecord) -> None:
        """Take note of the log's next record."""
        source, cause = record.provenance.source, record.provenance.cause
        if source.startswith("silence/") and cause is not None:
            self._found(record)
        elif not isinstance(record.event, ServiceTookOver):
            self._decide(record)

    def _decide(self, record: AnyRecord) -> None:
        silence, offset = service(), record.position.offset
        events: Sequence[Any] = ()
        if offset >= self.first:
            events = silence.decide(self.state, record)
        self.state = silence.evolve(self.state, record)
        for number, event in enumerate(events):
            self.waiting.append(Decision(offset, number, event))
            own = Record(event, record.provenance, None, 0, record.position)
            self.state = silence.evolve(self.state, own)

    def _found(self, record: AnyRecord) -> None:
        found = Decision(*effect(record)[:2], record.event)
        self.tally.compared += 1
        if found not in self.waiting:
            self.tally.duplicated += 1  # or it should never have been decided
            return
        while self.waiting.popleft() != found:
            self.tally.lost += 1


@dataclass
class Notices:
    """What became of the notices that were asked for from offset `first` on."""

    first: int
    asked: set[str] = field(default_factory=set)
    ended: dict[str, type] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)

    def see(self, record: AnyRecord) -> None:
        """Take note of a record."""
        event = record.event
        if isinstance(event, NoticeRequested) and record.position.offset >= self.first:
            self.asked.add(str(record.id))
        elif isinstance(event, ENDS):
            self.tally.compared += 1
            self.tally.duplicated += event.request in self.ended
            self.tally.altered += event.request not in self.asked
            self.ended[event.request] = type(event)

    @property
    def waiting(self) -> int:
        """How many have no end yet."""
        return len(self.asked) - len(self.ended.keys() & self.asked)

    def of(self, kind: type) -> set[str]:
        """Return the requests that ended in this way."""
        return {request for request, end in self.ended.items() if end is kind}


class Witness:
    """Reads `observatory` on from where it was, with eyes of its own for what repeats."""

    def __init__(self, script: Script, decisions: Decisions, notices: Notices) -> None:
        self.said = {source: Said(source, script) for source in SOURCES}
        self.decisions, self.notices = decisions, notices
        self.last_offset = 0
        self.next_offset = 0
        self._repeats = Repeats()

    def read(self, cluster: Cluster) -> None:
        """Read up to the present end."""
        place = (OBSERVATORY.full_name(cluster.namespace), 0)
        decode = Decoder(Registry(cluster)).record
        end = reading.whole(cluster, [place])[place][1]
        for batch in reading.messages(cluster, {place: [(self.next_offset, end)]}):
            for message in batch:
                self._see(decode(message))
        self.next_offset = end

    def _see(self, record: AnyRecord) -> None:
        self.last_offset = record.position.offset
        is_repeat = self._repeats.has(record)
        said = self.said.get(record.provenance.source)
        if said is not None:
            said.see(record, is_repeat=is_repeat)
        if not is_repeat:
            self.decisions.see(record)
            self.notices.see(record)
