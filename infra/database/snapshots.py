"""A view's tables kept in a file of their own, as they were at one moment, and put back.

A snapshot is a SQLite file with the view's very tables, offsets and high-waters among them,
whatever database they come from; it goes back into that or into another one.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from sqlalchemy import URL

from infra.database.connecting import connect
from infra.database.copying import copy
from infra.database.digests import digest
from infra.database.store import Snapshot, ViewStore
from projections import View
from schemas.errors import EvctlError

_CHUNK = 1 << 20


class SnapshotDiffers(EvctlError):
    """The rows of a snapshot are not those that were there when it was taken."""

    exit_code = 65

    def __init__(self, path: Path, view: str, found: str, wanted: str) -> None:
        super().__init__(
            f"The snapshot {path} gives {view} the digest {found[:16]}, where {wanted[:16]} was "
            "taken: it was damaged. `evctl rebuild --from-zero` does without it."
        )
        self.path, self.view = path, view


class Kept(NamedTuple):
    """What a snapshot file holds: all rows, and of them those of one night."""

    shown: Snapshot
    night: Snapshot


def keep(store: ViewStore, path: Path, night: str) -> Kept:
    """Write a view's tables, as they are at one moment, to a new file; return what it holds.

    The digest is compared after writing: `SnapshotDiffers`. The file is on the disk then.
    """
    with _tables(URL.create("sqlite", database=str(path)), store.view, store.namespace) as kept:
        kept.create()
        with store.database.at_one_moment() as source:
            copy(source, store.tables, kept)
            wanted = digest(source, store.view, store.tables, None)
        found = Kept(kept.snapshot(), kept.snapshot(night))
        if found.shown.digest != wanted:
            raise SnapshotDiffers(path, store.view.name, found.shown.digest, wanted)
    sync(path)
    return found


def put_back(kept: ViewStore, path: Path, target: ViewStore, wanted: str) -> None:
    """Fill the empty tables of `target` from the snapshot open at `path`; `SnapshotDiffers`."""
    with kept.database.at_one_moment() as source:
        copy(source, kept.tables, target)
    found = target.digest()
    if found != wanted:
        raise SnapshotDiffers(path, target.view.name, found, wanted)


@contextmanager
def opened(path: Path, view: View, namespace: str) -> Iterator[ViewStore]:
    """Give the tables in a snapshot file, to be read; its disk may be one that takes no writing."""
    file = f"file:{quote(str(path.absolute()))}"
    read_only = {"mode": "ro", "immutable": "1", "uri": "true"}
    with _tables(URL.create("sqlite", database=file, query=read_only), view, namespace) as kept:
        yield kept


@contextmanager
def _tables(url: URL, view: View, namespace: str) -> Iterator[ViewStore]:
    database = connect(url.render_as_string())
    try:
        yield ViewStore(database, view, namespace)
    finally:
        database.close()


def file_digest(path: Path) -> str:
    """Return the BLAKE2b digest of a file's bytes, hexadecimal."""
    whole = blake2b(digest_size=16)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            whole.update(chunk)
    return whole.hexdigest()


def sync(path: Path) -> None:
    """Wait until a file or a directory is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
