"""What an archive says of itself: `manifest.json`."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import blake2b, sha256
from pathlib import Path, PurePosixPath
from typing import Any

from infra.archive.errors import ArchiveTooNew, DamagedArchive, NoArchive
from infra.log.reading import Place
from schemas import avro
from schemas.avro import Schema

FORMAT = 1
NAME = "manifest.json"
SEAL = "seal.json"
_NAME = 100
"""Characters of a schema's name in a file's."""

_ABOUT = (
    "The records of one night of an observatory's event log. events/*.avro are Avro object "
    "container files of the events alone, a file for each partition and schema, in the log's "
    "order. records/*.avro have a row for each record of a partition: offset, key, headers, and "
    "from which file of events the next one is."
)


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A file, with its path inside the archive; `records` is how many rows or events it has."""

    path: str
    bytes: int
    sha256: str
    records: int


@dataclass(frozen=True, slots=True)
class HeldPartition:
    """What there is of a partition; `topic` is without namespace, `digest` as a seal has it.

    `topic_id` tells the very log that the archive comes from.
    """

    topic: str
    partition: int
    topic_id: str
    records: int
    first: int
    last: int
    digest: str

    @property
    def path(self) -> str:
        """Where its rows are."""
        return f"records/{self.topic}-{self.partition}.avro"

    def place(self, namespace: str) -> Place:
        """Return the partition as a cluster names it."""
        return f"{namespace}{self.topic}", self.partition


@dataclass(frozen=True, slots=True)
class HeldSchema:
    """A schema as it was kept where the archive was made; the fingerprint is CRC-64-AVRO."""

    id: int
    subject: str
    version: int
    fingerprint: str
    schema: Schema


@dataclass(frozen=True, slots=True)
class Manifest:
    """A night's archive; times are µs UTC, `seal` is the version of the seal that it has."""

    night: str
    start: int
    end: int
    namespace: str
    program: str
    seal: int | None
    partitions: tuple[HeldPartition, ...]
    schemas: tuple[HeldSchema, ...]
    files: tuple[HeldFile, ...]

    @property
    def records(self) -> int:
        """How many records the archive has."""
        return sum(partition.records for partition in self.partitions)

    @property
    def digest(self) -> str:
        """What tells this night's records from others, whatever program wrote them, and how."""
        parts = [(part.topic, part.partition, part.digest) for part in self.partitions]
        said = json.dumps([self.night, self.namespace, parts])
        return blake2b(said.encode(), digest_size=8).hexdigest()

    def text(self) -> str:
        """Return the manifest as JSON, with a digest of its own at the end."""
        said = {"format": FORMAT, "about": _ABOUT, **asdict(self)}
        return _text({**said, "sha256": _digest(said)})


def events_path(topic: str, partition: int, schema: Schema, number: int) -> str:
    """Return where the events of a partition and a schema are."""
    name = re.sub(r"[^\w.]", "_", avro.full_name(schema), flags=re.ASCII)[:_NAME]
    return f"events/{topic}-{partition}.{name}.{number}.avro"


def read(folder: Path) -> Manifest:
    """Return the manifest of an archive, with only itself proven.

    Raises `NoArchive`, `ArchiveTooNew` or `DamagedArchive`.
    """
    path = folder / NAME
    if not path.is_file():
        what = f"has no {NAME}" if folder.is_dir() else "is no directory"
        raise NoArchive(folder, what if folder.exists() else "is not there")
    try:
        said: dict[str, Any] = json.loads(path.read_bytes())
        found = said["format"]
        if isinstance(found, int) and found > FORMAT:
            raise ArchiveTooNew(path, found, FORMAT)
        if said.pop("sha256") != _digest(said):
            raise DamagedArchive(path, "is not as it was written")
        return _manifest(said)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        reason = f"is no manifest ({type(fault).__name__}: {fault})"
        raise DamagedArchive(path, reason) from fault


def _manifest(said: dict[str, Any]) -> Manifest:
    del said["format"], said["about"]
    said["partitions"] = tuple(HeldPartition(**plain) for plain in said["partitions"])
    said["schemas"] = tuple(HeldSchema(**plain) for plain in said["schemas"])
    said["files"] = tuple(HeldFile(**plain) for plain in said["files"])
    for file in said["files"]:
        if PurePosixPath(file.path).is_absolute() or ".." in PurePosixPath(file.path).parts:
            raise ValueError(f"{file.path} lies outside of the archive")
    return Manifest(**said)


def _digest(said: Mapping[str, Any]) -> str:
    return sha256(_text(said).encode()).hexdigest()


def _text(said: Mapping[str, Any]) -> str:
    return json.dumps(said, indent=1) + "\n"
