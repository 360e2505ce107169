"""A night's records read back from an archive, each as the message that it was."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from infra.archive.containers import Data, rows
from infra.archive.envelope import Archived
from infra.archive.errors import DamagedArchive
from infra.archive.manifest import HeldPartition, Manifest, events_path
from schemas.avro import Schema
from schemas.framing import prefix


class Reader:
    """Reads an archive, a partition at a time; a block of each of its files is in memory.

    `ids` are those of the schemas on another log, by the archive's: values are framed with them.
    """

    def __init__(self, folder: Path, held: Manifest, ids: Mapping[int, int] | None = None) -> None:
        self._folder, self._namespace = folder, held.namespace
        self._schemas: Mapping[int, Schema] = {one.id: one.schema for one in held.schemas}
        self._prefixes = {
            number: prefix((ids or {}).get(number, number)) for number in self._schemas
        }
        self._counts = {file.path: file.records for file in held.files}

    def messages(self, part: HeldPartition) -> Iterator[Archived]:
        """Yield a partition's records in order; raise `DamagedArchive`."""
        place, prefixes = part.place(self._namespace), self._prefixes
        data: dict[int, Data] = {}
        count = 0
        try:
            for row in rows(self._folder / part.path):
                number, value = row["schema"], row["value"]
                if number is not None:
                    if number not in data:
                        data[number] = self._open(part, number)
                    value = prefixes[number] + data[number].take(row["size"])
                yield Archived(place, row, value)
                count += 1
            self._require(part.path, count)
            for number, events in data.items():
                events.finish()
                self._require(self._path(part, number), events.records)
        finally:
            for events in data.values():
                events.close()

    def _path(self, part: HeldPartition, number: int) -> str:
        return events_path(part.topic, part.partition, self._schemas[number], number)

    def _open(self, part: HeldPartition, number: int) -> Data:
        if number not in self._schemas:
            reason = f"names schema {number}, which the manifest does not have"
            raise DamagedArchive(self._folder / part.path, reason)
        path = self._folder / self._path(part, number)
        events = Data(path)
        if events.schema != self._schemas[number]:
            events.close()
            raise DamagedArchive(path, f"has another schema than the manifest says ({number})")
        return events

    def _require(self, path: str, count: int) -> None:
        said = self._counts.get(path)
        if count != said:
            reason = f"has {count:,} records, and the manifest says {said}"
            raise DamagedArchive(self._folder / path, reason)
