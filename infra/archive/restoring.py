"""`evctl import DIR`: what the log lacks of an archive, appended in each partition's order.

What readers would pass over is not appended, so that what is on the log is told by ids alone. An
import that was cut short goes on under another line (`schemas.restored`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infra.archive.errors import NotThePast, RestoreStopped, TooFewPartitions
from infra.archive.lacking import Fate, Judged, Lacking
from infra.archive.manifest import Manifest
from infra.archive.reading import Reader
from infra.clock import utc_micros
from infra.dying import Point, reach
from infra.importing import settled
from infra.log import topics
from infra.log.cluster import Cluster
from infra.log.registry import Registry
from infra.log.writing import Producer, Publisher
from infra.replay.event_time import EventTimes
from infra.signals import Stop
from infra.windows import NightIndex
from schemas.errors import EvctlError
from schemas.events.recordings import RecordingImported
from schemas.restored import restored
from schemas.topics import IMPORTS, topic

_APART = frozenset({"replay", "mock"})
"""Parts of a namespace that say that it holds what was replayed, or rehearsed in a mocked time."""

_STEP = 2048
"""Records between two looks at the progress bar, the delivery reports and Ctrl+C."""


@dataclass(slots=True)
class Restored:
    """What an import did: records read, added, and passed over as readers would; times in µs.

    `home` is whether the log is the one that had the records before.
    """

    records: int = 0
    added: int = 0
    repeats: int = 0
    first_time: int = 0
    last_time: int = 0
    complete: bool = False
    home: bool = False

    def saw(self, judged: Judged, time: int) -> None:
        """Take note of a record."""
        self.first_time = time if not self.records else min(time, self.first_time)
        self.last_time = time if not self.records else max(time, self.last_time)
        self.records += 1
        self.added += judged.fate is Fate.MISSING
        self.repeats += judged.fate is Fate.REPEAT


@dataclass(frozen=True, slots=True)
class Restoring:
    """An archive that was checked, and the log it goes to."""

    cluster: Cluster
    registry: Registry
    index: NightIndex
    folder: Path
    held: Manifest

    def run(self, stop: Stop, advance: Callable[[int], None]) -> Restored:
        """Append what the log lacks. Called again, it adds nothing, or the rest.

        Raises `NotThePast`, `TooFewPartitions`, `VersionTaken` or `IdTaken` before anything is
        appended, and `RestoreStopped` afterwards; what was acknowledged stays.
        """
        self._require_its_kind()
        home = self._require_partitions()
        keep = self.registry.keep
        ids = {one.id: keep(one.subject, one.version, one.schema) for one in self.held.schemas}
        reader = Reader(self.folder, self.held, ids)
        lacking = Lacking(self.cluster, self.registry, self.index, self.held, reader, advance)
        try:
            lacking.look()
            return self._append(lacking, Restored(home=home), stop, advance)
        finally:
            lacking.close()

    def _require_its_kind(self) -> None:
        """See that nothing from a replay or a rehearsal gets among what has happened."""
        there = self.cluster.namespace.split(".")
        for kind in self.held.namespace.split(".")[:-1]:
            if kind in _APART and kind not in there:
                raise NotThePast(self.held.namespace, kind)

    def _require_partitions(self) -> bool:
        """See that there are all topics and partitions; tell whether they are the archive's own."""
        needed = {part.topic: topic(part.topic) for part in self.held.partitions}
        topics.ensure(self.cluster, needed.values())
        names = [one.full_name(self.cluster.namespace) for one in needed.values()]
        real = topics.describe(self.cluster, names)
        home = False
        for part in self.held.partitions:
            found = real[needed[part.topic].full_name(self.cluster.namespace)]
            if part.partition >= found.partitions:
                raise TooFewPartitions(found.name, found.partitions, part.partition)
            home = home or found.id == part.topic_id
        return home

    def _append(
        self, lacking: Lacking, done: Restored, stop: Stop, advance: Callable[[int], None]
    ) -> Restored:
        producer = Producer(self.cluster, linger_ms=20)
        try:
            self._send_all(lacking, producer, done, stop, advance)
            producer.flush()
            if done.complete and done.added:
                self._report(producer, lacking.line, done)
        except EvctlError as fault:
            raise RestoreStopped(fault, settled(producer, fault)) from fault
        return done

    def _send_all(
        self,
        lacking: Lacking,
        producer: Producer,
        done: Restored,
        stop: Stop,
        advance: Callable[[int], None],
    ) -> None:
        line, time_of = lacking.line, EventTimes(self.registry.decoder).of
        for judged in lacking.judged():
            if judged.fate is Fate.MISSING:
                self._send(producer, judged, line)
            done.saw(judged, time_of(judged.message))
            if done.records % _STEP == 0:
                producer.serve()
                reach(Point.RESTORE_BATCH, producer.flush)
                advance(_STEP)
                if stop.requested:
                    return
        advance(done.records % _STEP)
        done.complete = True

    def _send(self, producer: Producer, judged: Judged, line: str) -> None:
        """Send a record on; one whose headers say nothing readable keeps them as they are."""
        message, provenance = judged.message, judged.provenance
        headers = message.headers() or ()
        if provenance is not None:
            headers = restored(line, provenance, headers)
        topic_name = f"{self.cluster.namespace}{message.topic().removeprefix(self.held.namespace)}"
        millis = message.timestamp()[1]
        producer.send(
            topic_name,
            message.value(),
            message.key(),
            message.partition(),
            millis if millis > 0 else 1,  # librdkafka takes 0 for "now", and refuses less
            headers,
        )

    def _report(self, producer: Producer, source: str, done: Restored) -> None:
        """Tell on a topic of its own: the import happened tonight, not in the archive's night."""
        log = Publisher(self.cluster, self.registry, IMPORTS, source, producer=producer)
        log.publish(
            RecordingImported(
                time=utc_micros(),
                source=source,
                file_name=self.folder.resolve().name,
                format="archive",
                events=done.records,
                added=done.added,
                first_time=done.first_time,
                last_time=done.last_time,
            )
        )
        log.flush()
