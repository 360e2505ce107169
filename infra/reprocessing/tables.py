"""All views of the same records at once, in a database file that is there when it is complete."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from infra.database import Database, ViewStore, connect
from infra.log.batches import Batch, Fault
from infra.log.reading import Place, Span
from infra.log.topics import RealTopic
from infra.projecting.feeding import said
from infra.projecting.judging import Judge
from projections import View
from projections import fold as folding
from projections.fold import FoldedBatch, Rows
from schemas.errors import EvctlError
from schemas.record import AnyRecord
from schemas.topics import topic


class FileExists(EvctlError):
    """The file that tables were to be written to is there."""

    exit_code = 73

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} exists, and reprocessing writes a file of its own: name another, or give "
            "--overwrite to have it replaced."
        )
        self.path = path


class FileIsLive(EvctlError):
    """The file that tables were to be written to has the site's own."""

    exit_code = 73

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} is the site's database, and live tables are not written to: name another file."
        )
        self.path = path


class NoSuchFolder(EvctlError):
    """The file's directory is missing, or can't be written."""

    exit_code = 73

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} can't be written: its directory is missing, or not ours to write in."
        )
        self.path = path


@contextmanager
def new_file(path: Path, live: Database, *, overwrite: bool) -> Iterator[Database]:
    """Give a database that is at `path` afterwards; nothing is there if the block fails.

    It never is the `live` one. Raises `FileIsLive`, `FileExists`, `NoSuchFolder`.
    """
    url = live.engine.url
    if url.get_backend_name() == "sqlite" and path.resolve() == Path(url.database or "").resolve():
        raise FileIsLive(path)
    if path.exists() and not (overwrite and path.is_file()):
        raise FileExists(path)
    folder = path.absolute().parent
    if not os.access(folder, os.W_OK | os.X_OK):
        raise NoSuchFolder(path)
    part = path.with_name(f"{path.name}.part")
    _remove(part)
    database = connect(f"sqlite:///{part}", unshared=True)
    try:
        yield database
        database.close()
        part.replace(path)
    finally:
        database.close()
        _remove(part)


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _by_topic(records: Sequence[AnyRecord]) -> Mapping[str, Sequence[AnyRecord]]:
    names = {record.position.topic for record in records}
    if len(names) == 1:
        return dict.fromkeys(names, records)
    return {name: [one for one in records if one.position.topic == name] for name in names}


class Tables:
    """The tables of views in one database that nobody else writes."""

    def __init__(
        self, database: Database, views: Sequence[View], namespace: str, judge: Judge
    ) -> None:
        self._database, self._judge, self._namespace = database, judge, namespace
        self.stores = [ViewStore(database, view, namespace) for view in views]
        for store in self.stores:
            store.create()

    def add(self, batch: Batch, records: Sequence[AnyRecord]) -> None:
        """Write what the records change in every view, in one transaction.

        `batch` is what was read, with them in it: of those that a view passes over live, nothing is
        written; any other that it can't take in is `BadRecord`.
        """
        by_topic = _by_topic(records)
        with self._database.writing() as connection:
            for store in self.stores:
                rows = Rows(store.view)
                for name in store.view.topics:
                    mine = by_topic.get(topic(name).full_name(self._namespace), ())
                    self._fold(rows, store.view.name, batch, self._sifted(store.view, batch, mine))
                for statement in rows.statements():
                    store.write(connection, statement)

    def refuse(self, faults: Sequence[Fault]) -> None:
        """Pass over messages that can't be read, where the live tables do; else `BadRecord`."""
        for store in self.stores:
            names = {topic(name).full_name(self._namespace) for name in store.view.topics}
            mine = [fault for fault in faults if fault.position.topic in names]
            new = [fault for fault in mine if not self._judge.spares(store.view.name, fault)]
            if new:
                self._judge.refuse(store.view.name, new)

    def finish(
        self,
        real: Mapping[str, RealTopic],
        read: Mapping[Place, Sequence[Span]],
        high_waters: Mapping[Place, Mapping[str, int]],
    ) -> None:
        """Write how far the tables show the log, as all tables have it."""
        for store in self.stores:
            names = {topic(name).full_name(self._namespace) for name in store.view.topics}
            spans = []
            for place, given in read.items():
                if place[0] in names:
                    row = store.take(*place, real[place[0]].id)
                    waters = high_waters.get(place, {})
                    end = given[-1][1]
                    spans.append(folding.Span(*place, row.epoch, 0, end, None, waters))
            store.apply(FoldedBatch(tuple(spans), (), 0, 0))

    def _sifted(
        self, view: View, batch: Batch, records: Sequence[AnyRecord]
    ) -> Sequence[AnyRecord]:
        known = self._judge.known(view.name, batch)
        if not known:
            return records
        return [
            record
            for record in records
            if record.position not in known
            or not self._judge.spares(view.name, Fault(batch.message_at(record.position), ""))
        ]

    def _fold(self, rows: Rows, view: str, batch: Batch, records: Sequence[AnyRecord]) -> None:
        add, record = rows.add, None
        try:
            for record in records:
                add(record)
        except MemoryError:
            raise
        except Exception as fault:
            assert record is not None
            self._judge.refuse(view, [Fault(batch.message_at(record.position), said(fault))])
            raise
