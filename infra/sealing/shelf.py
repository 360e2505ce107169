"""The files of seals: for each version of a night's a directory with seal.json and snapshots."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.database.snapshots import file_digest, sync
from infra.sealing.contents import Seal, SealedView
from schemas.errors import EvctlError

SEAL = "seal.json"
_MAKING = "making"


class ShelfRefused(EvctlError):
    """Files of a seal can't be written."""

    exit_code = 73

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"The seal can't be written to {path}: {reason}. Mend that, or set seals.directory to "
            "another place."
        )
        self.path, self.reason = path, reason


class Shelf:
    """The directory of a log's seals (`seals.directory`), of one namespace."""

    def __init__(self, directory: Path, namespace: str) -> None:
        self.directory = directory / namespace.removesuffix(".") if namespace else directory

    def folder(self, night: str, version: int) -> Path:
        """Return where a version's files are."""
        return self.directory / night / f"v{version}"

    def snapshot(self, seal: Seal, view: SealedView) -> Path:
        """Return where a view's snapshot is."""
        return self.folder(seal.night, seal.version) / view.file

    @contextmanager
    def making(self, night: str) -> Iterator[Path]:
        """Give a directory for the files, to one process at a time for each night.

        What is left in it at the end, or was by a process that was killed, is removed.
        """
        folder = self.directory / night / _MAKING
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(folder.parent, os.O_RDONLY)
        except OSError as error:
            raise ShelfRefused(folder.parent, error.strerror or str(error)) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield _emptied(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)

    def put(self, made: Path, seal: Seal) -> None:
        """Write seal.json, and give the directory the version's name, all on the disk.

        What stands there already is of a seal that was never put on the log.
        """
        target = self.folder(seal.night, seal.version)
        try:
            (made / SEAL).write_text(seal.text(), encoding="utf-8")
            sync(made / SEAL)
            sync(made)
            if target.exists():
                shutil.rmtree(target)
            made.rename(target)
            sync(target.parent)
        except OSError as error:
            raise ShelfRefused(target, error.strerror or str(error)) from error

    def faults(self, seal: Seal) -> Iterator[tuple[Path, str]]:
        """Yield each file of a seal that is `missing`, or `altered`."""
        path = self.folder(seal.night, seal.version) / SEAL
        if not path.is_file():
            yield path, "missing"
        elif path.read_bytes() != seal.text().encode():
            yield path, "altered"
        for view in seal.views:
            path = self.snapshot(seal, view)
            if not path.is_file():
                yield path, "missing"
            elif file_digest(path) != view.file_digest:
                yield path, "altered"


def _emptied(folder: Path) -> Path:
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    except OSError as error:
        raise ShelfRefused(folder, error.strerror or str(error)) from error
    return folder
