"""A recording appended to the log: in its own order, nothing twice, resumed where it stopped."""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path

from infra.clock import utc_micros
from infra.log.cluster import Cluster
from infra.log.errors import RecordTooLarge
from infra.log.registry import Registry
from infra.log.turns import TurnLost
from infra.log.writing import Producer, Publisher
from infra.overlaps import AlreadyThere, Numbering
from infra.signals import Stop
from infra.windows import NightIndex
from producers import Entry, Recording
from schemas.errors import EvctlError
from schemas.events.recordings import RecordingImported
from schemas.topics import IMPORTS, OBSERVATORY

_STEP = 2048
"""Events between two looks at the progress bar, the delivery reports and Ctrl+C."""


class ImportStopped(EvctlError):
    """A fault in the recording, or the log's silence, ended an import."""

    def __init__(self, fault: EvctlError, acknowledged: int) -> None:
        super().__init__(
            f"{fault} {_beginning(acknowledged)} on the log; mend what is wrong and import it "
            "again: nothing is added twice."
        )
        self.exit_code, self.fault, self.acknowledged = fault.exit_code, fault, acknowledged


def _beginning(events: int) -> str:
    if not events:
        return "Nothing of the recording's beginning is"
    first = "event" if events == 1 else f"{events:,} events"
    return f"The first {first} of the recording {'is' if events == 1 else 'are'}"


class EventTooLarge(EvctlError):
    """An event of a recording is larger than its topic allows."""

    exit_code = 65

    def __init__(self, place: str, topic: str, fault: RecordTooLarge) -> None:
        super().__init__(
            f"{place}: the event {topic} has {fault.size:,} bytes as a record, and {fault.topic} "
            f"takes {fault.limit:,}: split it, or leave it out."
        )
        self.place, self.size, self.limit = place, fault.size, fault.limit


@dataclass(slots=True)
class Imported:
    """What an import did; times are µs UTC."""

    source: str
    events: int = 0
    added: int = 0
    first_time: int = 0
    last_time: int = 0
    complete: bool = False
    _marks: deque[tuple[int, int]] = field(default_factory=lambda: deque([(0, 0)]), repr=False)

    def mark(self, acknowledged: int) -> None:
        """Remember how many events were read and added by now, `acknowledged` of the latter."""
        self._marks.append((self.events, self.added))
        while self._marks[1][1] <= acknowledged and len(self._marks) > 2:
            self._marks.popleft()

    def on_log(self, acknowledged: int) -> int:
        """Return how many of the first events are on the log, at least, if so many were added."""
        if acknowledged >= self.added:
            return self.events
        self.mark(acknowledged)
        for (events, added), (until, then) in pairwise(self._marks):
            if then > acknowledged:
                only_added = until - events == then - added
                return events + (acknowledged - added if only_added else 0)
        return self.events

    def saw(self, time: int) -> None:
        """Take an event's time into the recording's extent."""
        if not self.events or time < self.first_time:
            self.first_time = time
        if not self.events or time > self.last_time:
            self.last_time = time
        self.events += 1


def source_of(recording: Recording) -> str:
    """Return the source of a recording's records: a digest of its bytes and of how they are read.

    The bytes, for a digest of the decoded events would cost as much as the import itself.
    """
    conversion = recording.conversion
    digest = blake2b(f"{recording.format} {conversion}".encode(), digest_size=16)
    with Path(recording.path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return f"import.{digest.hexdigest()}"


def import_recording(
    cluster: Cluster,
    registry: Registry,
    index: NightIndex,
    recording: Recording,
    stop: Stop,
    advance: Callable[[int], None],
) -> Imported:
    """Append what the log does not have of a recording; `advance` is told how many were read.

    Called twice, the second time adds nothing; interrupted, the next call adds the rest. Raises
    `ImportStopped`; what was acknowledged stays.
    """
    publisher = Publisher(cluster, registry, OBSERVATORY, source_of(recording), linger_ms=20)
    done = Imported(publisher.source)
    try:
        numbering = Numbering(publisher.source)
        there = AlreadyThere(cluster, registry, index, recording, numbering)
        send = Sending(recording, publisher, there, numbering, index).send
        _append(recording, publisher.producer, send, done, stop, advance)
        publisher.flush()
        if done.complete and done.added:
            _report(cluster, registry, publisher, _summary(recording, done))
    except EvctlError as fault:
        on_log = done.on_log(settled(publisher.producer, fault))
        raise ImportStopped(fault, on_log) from fault
    return done


class Sending:
    """Sends the entries of a recording that the log does not have."""

    def __init__(
        self,
        recording: Recording,
        publisher: Publisher,
        there: AlreadyThere,
        numbering: Numbering,
        index: NightIndex,
    ) -> None:
        self._recording, self._publish, self._there = recording, publisher.publish, there
        self._numbering, self._night_of = numbering, index.nights.number

    def send(self, seq: int, entry: Entry) -> bool:
        """Send an entry, the one of this place in its recording; return whether it was missing."""
        event, given = entry.event, entry.given_id
        night = self._night_of(event.data_time)
        if self._there.takes(event, night):
            return False
        if given is not None and self._there.has_id(entry, given, night):
            return False
        try:
            if seq > self._numbering.highest:
                self._publish(event, seq=seq, given_id=given)
            else:
                source, _, given, *_ = self._numbering.of(seq, given)
                self._publish(event, seq=seq, given_id=given, source=source)
        except RecordTooLarge as fault:
            place = self._recording.place(entry.where)
            raise EventTooLarge(place, event.topic, fault) from fault
        return True


def _append(
    recording: Recording,
    producer: Producer,
    send: Callable[[int, Entry], bool],
    done: Imported,
    stop: Stop,
    advance: Callable[[int], None],
) -> None:
    for seq, entry in enumerate(recording.entries()):
        done.added += send(seq, entry)
        done.saw(entry.event.data_time)
        if seq % _STEP == _STEP - 1:
            producer.serve()
            done.mark(producer.acknowledged())
            advance(_STEP)
            if stop.requested:
                return
    advance(done.events % _STEP)
    done.complete = True


def _report(
    cluster: Cluster, registry: Registry, publisher: Publisher, summary: RecordingImported
) -> None:
    """Tell on a topic of its own: the import happened tonight, not in the recording's night."""
    log = Publisher(cluster, registry, IMPORTS, publisher.source, producer=publisher.producer)
    log.publish(summary)
    log.flush()


def settled(producer: Producer, fault: EvctlError) -> int:
    """Return how many records were acknowledged in the end, after a fault.

    What was sent before a bad event still arrives; where another import may append by now, not.
    """
    if isinstance(fault, TurnLost):
        producer.purge()
    with suppress(EvctlError):
        producer.flush()
    return producer.acknowledged()


def _summary(recording: Recording, done: Imported) -> RecordingImported:
    return RecordingImported(
        time=utc_micros(),
        source=done.source,
        file_name=Path(recording.path).name,
        format=recording.format,
        events=done.events,
        added=done.added,
        first_time=done.first_time,
        last_time=done.last_time,
    )
