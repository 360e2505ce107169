"""The files of one partition of an archive, written record by record."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.archive.containers import DataFile, RowsFile
from infra.archive.envelope import SCHEMA, row_of
from infra.archive.fitting import Fitting
from infra.archive.manifest import HeldFile, HeldPartition, events_path
from infra.log.reading import Message, Place
from infra.sealing.contents import Stretch
from infra.sealing.stretches import Stretches, digest_of, position_of
from schemas.framing import HEADER_SIZE
from schemas.record import BadHeaders, from_headers
from schemas.repeats import is_news
from schemas.topics import bare_name


class PartitionFiles:
    """The files of one partition; a seal leaves the offsets `unsealed` out."""

    def __init__(
        self, folder: Path, place: Place, topic_id: str, fitting: Fitting, unsealed: Collection[int]
    ) -> None:
        self._folder, self._topic, self._number = folder, bare_name(place[0]), place[1]
        self._id, self._fitting, self._unsealed = topic_id, fitting, unsealed
        self._stretches = Stretches()
        self._sealed = Stretches() if unsealed else self._stretches
        self._waters: dict[str, int] = {}
        self._rows: RowsFile | None = None
        self._events: dict[int, DataFile] = {}
        self._files: dict[str, RowsFile | DataFile] = {}

    def add(self, message: Message, *, of_night: bool) -> None:
        """Write the next record, if it is the night's; others tell, too, what repeats are."""
        number = self._fitting.schema_of(message)
        repeat = number is not None and not self._is_news(message)
        if of_night:
            self._write(message, number, repeat=repeat)

    def _is_news(self, message: Message) -> bool:
        """Whether readers heed an event; they can make nothing of one with bad headers."""
        try:
            return is_news(from_headers(message.headers(), position_of(message)), self._waters)
        except BadHeaders:
            return True

    def _write(self, message: Message, number: int | None, *, repeat: bool) -> None:
        self._stretches.add(message)
        if self._unsealed and message.offset() not in self._unsealed:
            self._sealed.add(message)
        size = 0
        if number is not None:
            datum = (message.value() or b"")[HEADER_SIZE:]
            (self._events.get(number) or self._begin(number)).add(datum)
            size = len(datum)
        if self._rows is None:
            path = f"records/{self._topic}-{self._number}.avro"
            self._rows = self._files[path] = RowsFile(self._folder / path, SCHEMA)
        self._rows.add(row_of(message, number, size, repeat=repeat))

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
        records, digest = summary(done)
        first, last = done[0].first, done[-1].last
        return HeldPartition(self._topic, self._number, self._id, records, first, last, digest)

    def as_sealed(self) -> tuple[int, str]:
        """Return how many records a seal has to have, and their digest."""
        return summary(self._sealed.finish())

    def files(self) -> Iterable[HeldFile]:
        """Yield the files."""
        for path, file in self._files.items():
            yield held_file(self._folder, path, file.records)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.abandon()


def summary(stretches: Sequence[Stretch]) -> tuple[int, str]:
    """Return the number of records, and their digest as a seal has it."""
    return sum(stretch.records for stretch in stretches), digest_of(stretches)


def held_file(folder: Path, path: str, records: int) -> HeldFile:
    """Return what the manifest says of a file."""
    with (folder / path).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return HeldFile(path, file.tell(), digest, records)
