"""`evctl export --format archive`: a night's records written down, each byte as the log has it."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from infra.archive import building, manifest
from infra.archive.errors import NotAsSealed
from infra.archive.finding import quarantined, with_others
from infra.archive.fitting import Fitting
from infra.archive.manifest import HeldFile, HeldPartition, HeldSchema, Manifest
from infra.archive.partition import PartitionFiles, held_file, summary
from infra.exporting import Stopped
from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.reading import Message, Place, Span
from infra.log.registry import Registry
from infra.replay.event_time import EventTimes
from infra.sealing.comparing import before
from infra.sealing.contents import Seal
from infra.signals import Stop
from infra.windows import NightIndex, Window
from schemas import avro
from schemas.avro import Schema

_BATCH = 1000


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
        fitting = Fitting(self.registry)
        partitions: list[HeldPartition] = []
        files: list[HeldFile] = []
        sealed: dict[tuple[str, int], tuple[int, str]] = {}
        others = quarantined(self.cluster, self.registry, self.index)
        spans = with_others(self._before_now(window), others)
        real = topics.describe(self.cluster, sorted({name for name, _ in spans}))
        for place, ranges in sorted(spans.items()):
            unsealed = self._unsealed(place, others.get(place, ()))
            with PartitionFiles(folder, place, real[place[0]].id, fitting, unsealed) as part:
                for message in self._messages(place, ranges, stop, advance):
                    part.add(message, of_night=inside(message))
                held = part.finish()
                if held is not None:
                    partitions.append(held)
                    files.extend(part.files())
                    sealed[held.topic, held.partition] = part.as_sealed()
        if self.seal is not None:
            self._compare(self.seal, sealed)
            (folder / manifest.SEAL).write_text(self.seal.text(), encoding="utf-8")
            files.append(held_file(folder, manifest.SEAL, 0))
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

    def _before_now(self, window: Window) -> Mapping[Place, Sequence[Span]]:
        return before(window, {place: end for place, (_, end) in self.index.ends.items()})

    def _unsealed(self, place: Place, quarantined: Iterable[int]) -> Collection[int]:
        """Return which quarantined offsets the seal leaves out, since no table has them."""
        if self.seal is None:
            return frozenset()
        stretches = [
            stretch
            for part in self.seal.partitions
            if part.place(self.cluster.namespace) == place
            for stretch in part.stretches
        ]
        return {
            offset
            for offset in quarantined
            if not any(stretch.first <= offset <= stretch.last for stretch in stretches)
        }

    def _compare(self, seal: Seal, there: Mapping[tuple[str, int], tuple[int, str]]) -> None:
        """Raise `NotAsSealed` where the seal has other records."""
        nothing = summary(())
        sealed = {(part.topic, part.partition): part for part in seal.partitions}
        for place in sorted(there.keys() | sealed.keys()):
            part = sealed.get(place)
            said = nothing if part is None else (part.records, part.digest)
            if there.get(place, nothing) != said:
                topic, partition = place
                where = f"{self.cluster.namespace}{topic}[{partition}]"
                raise NotAsSealed(self.night, seal.version, where)


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
