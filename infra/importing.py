"""A recording appended to the log: in its own order, nothing twice, resumed where it stopped."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from infra.clock import utc_micros
from infra.log import reading
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder, Repeats
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.signals import Stop
from infra.windows import NightIndex
from producers import Recording
from producers.identity import event_digest
from schemas.errors import EvctlError
from schemas.events.recordings import RecordingImported
from schemas.events.tcs import TcsEvent
from schemas.topics import IMPORTS, OBSERVATORY

_STEP = 2048
"""Events between two looks at the progress bar, the delivery reports and Ctrl+C."""


class ImportStopped(EvctlError):
    """A fault in the recording, or the log's silence, ended an import."""

    def __init__(self, fault: EvctlError, acknowledged: int) -> None:
        super().__init__(
            f"{fault} The first {acknowledged:,} events of the recording are on the log; mend what "
            "is wrong and import it again: nothing is added twice."
        )
        self.exit_code, self.fault, self.acknowledged = fault.exit_code, fault, acknowledged


@dataclass(slots=True)
class Imported:
    """What an import did; times are µs UTC."""

    source: str
    events: int = 0
    added: int = 0
    first_time: int = 0
    last_time: int = 0
    complete: bool = False

    def saw(self, time: int) -> None:
        """Take an event's time into the recording's extent."""
        if not self.events or time < self.first_time:
            self.first_time = time
        if not self.events or time > self.last_time:
            self.last_time = time
        self.events += 1


class AlreadyThere:
    """Which events the log has of the nights of a recording, by their content.

    An overlapping recording is another file, with other positions: only the content tells that an
    event is there. Two equal events in one recording are two: they are counted. A night is read
    when the recording first comes to it; where the log has nothing of it, that costs nothing.
    """

    def __init__(self, cluster: Cluster, registry: Registry, index: NightIndex) -> None:
        self._cluster, self._index = cluster, index
        self._decoder = Decoder(registry)
        self._nights: dict[int, Counter[bytes]] = {}

    def takes(self, event: TcsEvent, night: int) -> bool:
        """Whether the log has the event and no earlier one of the recording stood for it."""
        there = self._nights.get(night)
        if there is None:
            there = self._nights[night] = self._read(night)
        if not there:
            return False
        digest = event_digest(event)
        if not there[digest]:
            return False
        there[digest] -= 1
        return True

    def _read(self, night: int) -> Counter[bytes]:
        found: Counter[bytes] = Counter()
        number, repeats = self._index.nights.number, Repeats()
        for batch in reading.messages(self._cluster, self._index.ranges(night, night)):
            for message in batch:
                record = self._decoder.record(message)
                if repeats.has(record) or not isinstance(record.event, TcsEvent):
                    continue
                if number(record.time) == night:
                    found[event_digest(record.event)] += 1
        return found


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
    there = AlreadyThere(cluster, registry, index)
    done = Imported(publisher.source)
    try:
        _append(recording, publisher, there, index, done, stop, advance)
        publisher.flush()
        if done.complete and done.added:
            _report(cluster, registry, publisher, _summary(recording, done))
    except EvctlError as fault:
        raise ImportStopped(fault, _settled(publisher, done)) from fault
    return done


def _append(
    recording: Recording,
    publisher: Publisher,
    there: AlreadyThere,
    index: NightIndex,
    done: Imported,
    stop: Stop,
    advance: Callable[[int], None],
) -> None:
    number, publish, takes = index.nights.number, publisher.publish, there.takes
    for seq, entry in enumerate(recording.entries()):
        event = entry.event
        if not takes(event, number(event.data_time)):
            publish(event, seq=seq, given_id=entry.given_id)
            done.added += 1
        done.saw(event.data_time)
        if seq % _STEP == _STEP - 1:
            publisher.producer.serve()
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


def _settled(publisher: Publisher, done: Imported) -> int:
    """Return how many events from the start on are on the log, after a fault."""
    waiting = publisher.producer.give_up()
    return max(done.events - waiting, 0)


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
