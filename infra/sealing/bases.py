"""Snapshots of seals that a view's tables may be filled from, so that the log's rest is enough."""

from collections.abc import Iterator

from infra.projecting.rebuilding import Base
from infra.sealing.contents import Seal
from infra.sealing.records import Seals
from infra.sealing.shelf import Shelf
from projections import View


def bases(seals: Seals, shelf: Shelf, view: View, other_than: Seal | None = None) -> Iterator[Base]:
    """Yield a view's snapshots, newest first; the log is read when the first is asked for.

    Of `other_than`, and of what was sealed after it, there is none.
    """
    for seal in seals.all():
        if other_than is not None and (seal.time, seal.night) >= (
            other_than.time,
            other_than.night,
        ):
            continue
        for kept in seal.views:
            if kept.view == view.name:
                name = f"the seal of {seal.night}, version {seal.version}"
                yield Base(
                    name,
                    shelf.snapshot(seal, kept),
                    seal.time,
                    kept.definition,
                    kept.digest,
                    kept.file_digest,
                )
