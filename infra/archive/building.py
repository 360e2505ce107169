"""A directory that is whole or not there: made beside its place, and moved there at the end."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.archive import manifest
from infra.archive.errors import ArchiveExists, ArchiveNotWritten, DamagedArchive, NoArchive
from infra.archive.manifest import Manifest
from infra.database.snapshots import sync
from schemas.errors import EvctlError


@contextmanager
def building(target: Path) -> Iterator[Path]:
    """Give `TARGET.partial`, empty; it is gone at the end, unless it was `put` in place.

    Raises `ArchiveNotWritten` for what the disk refuses.
    """
    whole = target.resolve()
    folder = whole.with_name(f"{whole.name}.partial")
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        yield folder
    except OSError as fault:
        raise ArchiveNotWritten(target, fault.strerror or str(fault)) from fault
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def require_free(target: Path) -> None:
    """Raise `ArchiveExists` where something stands that can't be an archive of the same night."""
    if target.is_dir():
        if any(target.iterdir()) and not (target / manifest.NAME).is_file():
            raise ArchiveExists(target, "no archive")
    elif target.exists():
        raise ArchiveExists(target, "no directory")


def put(folder: Path, target: Path, *, force: bool) -> None:
    """Have all of a directory on the disk, and move it to its place; `force` replaces another."""
    for path in sorted(folder.rglob("*")):
        sync(path)
    sync(folder)
    whole = target.resolve()
    if force and whole.is_dir():
        old = whole.with_name(f"{whole.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        whole.rename(old)
        folder.rename(whole)
        shutil.rmtree(old)
    else:
        folder.rename(whole)  # what stands there can only be an empty directory
    sync(whole.parent)


def is_there(target: Path, made: Manifest) -> bool:
    """Whether an archive of the same records stands there; raise `ArchiveExists` for another."""
    if not target.is_dir() or not any(target.iterdir()):
        return False
    try:
        found = manifest.read(target)
    except (NoArchive, DamagedArchive) as fault:
        raise ArchiveExists(target, "damaged") from fault
    except EvctlError as fault:
        raise ArchiveExists(target, "one of a later evctl") from fault
    if (found.digest, found.seal) != (made.digest, made.seal):
        raise ArchiveExists(target, f"another archive, of {found.night}")
    return True
