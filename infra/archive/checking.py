"""An archive proven to be what was written, before anything of it is used."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from infra.archive import manifest
from infra.archive.errors import DamagedArchive
from infra.archive.manifest import HeldFile, HeldPartition, Manifest
from infra.archive.reading import Reader
from infra.exporting import Stopped
from infra.sealing.stretches import Stretches, digest_of
from infra.signals import Stop
from schemas import avro

_STEP = 2048


def check(folder: Path, stop: Stop, advance: Callable[[int], None]) -> Manifest:
    """Return the manifest of an archive that is as it was written.

    Raises `NoArchive`, `ArchiveTooNew`, `DamagedArchive`, which names the file, or `Stopped`.
    """
    held = manifest.read(folder)
    for file in held.files:
        check_file(folder, file)
    for schema in held.schemas:
        if f"{avro.fingerprint_of(schema.schema):016x}" != schema.fingerprint:
            reason = f"has another schema {schema.id} than its fingerprint says"
            raise DamagedArchive(folder / manifest.NAME, reason)
    reader = Reader(folder, held)
    for part in held.partitions:
        _check_partition(folder, reader, part, stop, advance)
    return held


def check_file(folder: Path, file: HeldFile) -> None:
    """Raise `DamagedArchive` for a file that is missing or altered."""
    path = folder / file.path
    if not path.is_file():
        raise DamagedArchive(path, "is missing")
    try:
        with path.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
            size = opened.tell()
    except OSError as fault:
        raise DamagedArchive(path, f"can't be read ({fault.strerror})") from fault
    if size != file.bytes:
        raise DamagedArchive(path, f"has {size:,} bytes, not the {file.bytes:,} that were written")
    if digest != file.sha256:
        raise DamagedArchive(path, "is altered: its bytes have another digest")


def _check_partition(
    folder: Path, reader: Reader, part: HeldPartition, stop: Stop, advance: Callable[[int], None]
) -> None:
    """Compare the records' ids and values with the digest that a seal has of them, too."""
    stretches = Stretches()
    for count, message in enumerate(reader.messages(part), 1):
        stretches.add(message)
        if count % _STEP == 0:
            advance(_STEP)
            if stop.requested:
                raise Stopped
    advance(part.records % _STEP)
    done = stretches.finish()
    if digest_of(done) != part.digest or sum(one.records for one in done) != part.records:
        raise DamagedArchive(folder / part.path, "has other records than the manifest says")
