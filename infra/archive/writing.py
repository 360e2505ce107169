"""`evctl export --format archive`: a night's records written down, each byte as the log has it."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.archive import building, manifest
from infra.archive.containers import DataFile, RowsFile
from infra.archive.envelope import SCHEMA, row_of
from infra.archive.errors import NotAsSealed
from infra.archive.fitting import Fitting
from infra.archive.manifest import HeldFile, HeldPartition, HeldSchema, Manifest, events_path
from infra.exporting import Stopped
from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.reading import Message, Place, Span
from infra.log.registry import Registry
from infra.replay.event_time import EventTimes
from infra.sealing.comparing import before
from infra.sealing.contents import Seal
from infra.sealing.stretches import Stretches, digest_of
from infra.signals import Stop
from infra.windows import NightIndex
from schemas import avro
from schemas.avro import Schema
from schemas.framing import HEADER_SIZE
from schemas.topics import bare_name

_BATCH = 1000


class _Partition:
    """The files of one partition."""

    def __init__(self, folder: Path, place: Place, topic_id: str, fitting: Fitting) -> None:
        self._folder, self._topic, self._number = folder, bare_name(place[0]), place[1]
        self._id, self._fitting = topic_id, fitting
        self._stretches = Stretches()
        self._rows: RowsFile | None = None
        self._events: dict[int, DataFile] = {}
        self._files: dict[str, RowsFile | DataFile] = {}

    def add(self, message: Message) -> None:
        """Write the night's next record."""
        self._stretches.add(message)
        number, size = self._fitting.schema_of(message), 0
        if number is not None:
            datum = (message.value() or b"")[HEADER_SIZE:]
            (self._events.get(number) or self._begin(number)).add(datum)
            size = len(datum)
        if self._rows is None:
            path = f"records/{self._topic}-{self._number}.avro"
            self._rows = self._files[path] = RowsFile(self._folder / path, SCHEMA)
        self._rows.add(row_of(message, number, size))

    def _begin(self, number: int) -> DataFile:
        schema = self._fitting.schemas[number]
        path = events_path(self._topic, self._number, schema, number)
        made = self._events[number] = self._files[path] = DataFile(self._folder / path, schema)
        return made

    def finish(self) -> HeldPartition | None:
        """Close the files; return what they hold, none if there are none."""
        for file in self._files.values():
            file.close()
        done = self._stretches.finish()
        if not done:
            return None
        records, digest = sum(stretch.records for stretch in done), digest_of(done)
        first, last = done[0].first, done[-1].last
        return HeldPartition(self._topic, self._number, self._id, records, first, last, digest)

    def files(self) -> Iterable[HeldFile]:
        """Yield the files."""
        for path, file in self._files.items():
            yield _held(self._folder, path, file.records)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.abandon()


@dataclass(frozen=True, slots=True)
class Written:
    """A night's archive, and whether it was made just now: else it was there already."""

    manifest: Manifest
    made: bool


@dataclass(frozen=True, slots=True)
class Export:
    """What is to be written, and where: `seal` is the night's newest, if it has one."""

    cluster: Cluster
    registry: Registry
    index: NightIndex
    night: str
    seal: Seal | None
    target: Path

    def write(self, stop: Stop, advance: Callable[[int], None], *, force: bool = False) -> Written:
        """Write the archive; it is whole or not there.

        Raises `EmptyWindow`, `ArchiveExists`, `ArchiveNotWritten`, `NotAsSealed`, or `Stopped`.
        """
        building.require_free(self.target)
        with building.building(self.target) as folder:
            made = self._fill(folder, stop, advance)
            (folder / manifest.NAME).write_text(made.text(), encoding="utf-8")
            if not force and building.is_there(self.target, made):
                return Written(made, made=False)
            building.put(folder, self.target, force=force)
        return Written(made, made=True)

    def _fill(self, folder: Path, stop: Stop, advance: Callable[[int], None]) -> Manifest:
        window = self.index.night(self.night)
        inside = EventTimes(self.registry.decoder).within(window.start, window.end)
        (folder / "records").mkdir()
        (folder / "events").mkdir()
        fitting, partitions, files = Fitting(self.registry), [], []
        closing = {place: end for place, (_, end) in self.index.ends.items()}
        real = topics.describe(self.cluster, sorted({name for name, _ in window.ranges}))
        for place, spans in sorted(before(window, closing).items()):
            with _Partition(folder, place, real[place[0]].id, fitting) as part:
                for message in self._messages(place, spans, stop, advance):
                    if inside(message):
                        part.add(message)
                held = part.finish()
                if held is not None:
                    partitions.append(held)
                    files.extend(part.files())
        if self.seal is not None:
            self._compare(self.seal, partitions)
            (folder / manifest.SEAL).write_text(self.seal.text(), encoding="utf-8")
            files.append(_held(folder, manifest.SEAL, 0))
        start, end = self.index.nights.bounds(self.night)
        return Manifest(
            self.night,
            start,
            end,
            self.cluster.namespace,
            f"evctl {metadata.version('evctl')}",
            None if self.seal is None else self.seal.version,
            tuple(partitions),
            tuple(_schemas(self.registry, fitting.schemas)),
            tuple(files),
        )

    def _messages(
        self, place: Place, spans: Iterable[Span], stop: Stop, advance: Callable[[int], None]
    ) -> Iterable[Message]:
        for batch in reading.messages(self.cluster, {place: list(spans)}, batch=_BATCH):
            if stop.requested:
                raise Stopped
            self.registry.fetched()
            yield from batch
            advance(len(batch))

    def _compare(self, seal: Seal, found: Iterable[HeldPartition]) -> None:
        """Raise `NotAsSealed` where the seal has other records."""
        there = {(part.topic, part.partition): (part.records, part.digest) for part in found}
        sealed = {
            (part.topic, part.partition): (part.records, part.digest)
            for part in seal.partitions
            if part.records
        }
        for topic, partition in sorted(there.keys() | sealed.keys()):
            if there.get((topic, partition)) != sealed.get((topic, partition)):
                place = f"{self.cluster.namespace}{topic}[{partition}]"
                raise NotAsSealed(self.night, seal.version, place)


def _schemas(registry: Registry, used: Mapping[int, Schema]) -> Iterable[HeldSchema]:
    """Yield the schemas, each by the subject and version under which it is kept."""
    kept: dict[int, tuple[bool, str, int]] = {}
    for entry in registry.entries():
        if entry.id in used:
            other = entry.subject != avro.full_name(entry.schema)
            told = other, entry.subject, entry.version
            kept[entry.id] = min(told, kept.get(entry.id, told))
    for number, schema in sorted(used.items()):
        print_ = f"{avro.fingerprint_of(schema):016x}"
        foreign = True, f"{avro.full_name(schema)}.{print_}", 1
        _, subject, version = kept.get(number, foreign)
        yield HeldSchema(number, subject, version, print_, schema)


def _held(folder: Path, path: str, records: int) -> HeldFile:
    with (folder / path).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return HeldFile(path, file.tell(), digest, records)
