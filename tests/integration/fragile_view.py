"""A view that fails at one word, and a reader of it that dies before its offset passes a batch.

As a program, it is that reader: of the site whose file is named.
"""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import MetaData, Table

from infra.database import ViewStore
from infra.indexing import open_database
from infra.log.cluster import connect
from infra.log.registry import Registry
from infra.projecting.feeding import Feed
from infra.projecting.running import Projector
from infra.settings import Settings, load
from infra.signals import Stop
from projections import Change, Insert, View
from projections.columns import text, whole
from projections.fold import FoldedBatch
from schemas.events.tcs import TcsEvent
from schemas.record import AnyRecord
from schemas.topics import OBSERVATORY

TABLE = Table("words", MetaData(), whole("seq", "which", key=True), text("word", 20, "a word"))
WORDS = "words"


def of(bad: str) -> View:
    """Return a view that fails at one word, or with "none" at none."""

    def project(record: AnyRecord) -> Sequence[Change]:
        event = record.event
        if not isinstance(event, TcsEvent):
            return ()
        if event.key == bad:
            raise KeyError(bad)
        return (Insert(TABLE, (record.position.offset,), (event.key,)),)

    return View(WORDS, 1, (OBSERVATORY.name,), (TABLE,), project)


class Dying(ViewStore):
    """Ends the process as a power cut does, before anything is written."""

    def apply(self, batch: FoldedBatch) -> bool:
        """Die."""
        os.kill(os.getpid(), signal.SIGKILL)
        return super().apply(batch)


def projected(settings: Settings, view: View, kind: type[ViewStore] = ViewStore) -> int:
    """Bring a view's table to the log's end; return how many records were quarantined."""
    store, stop = kind(open_database(settings), view, ""), Stop()
    store.create()
    cluster = connect(settings)
    projector = Projector(cluster, Registry(cluster), [Feed(store)], settings)
    projector.once(stop)
    stop.close()
    store.database.close()
    return projector.quarantined


if __name__ == "__main__":
    site_file = Path(sys.argv[1])
    projected(load(site_file, None, {}, {}, site_file.parent).settings, of("k1"), Dying)
