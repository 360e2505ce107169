"""A view's rows in one namespace, and how far they were read: written together, or not at all."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import NamedTuple

from sqlalchemy import Connection, Select, Table, case, func, inspect, literal, select, update
from sqlalchemy.schema import CreateTable

from infra.database import formats, packets
from infra.database.connecting import Database
from infra.database.digests import digest
from infra.database.errors import SchemaMismatch, TablesDropped
from infra.database.statements import sql
from infra.database.swapping import drop, swap
from infra.database.tables import keep_in_key_order, tables_of
from projections import View
from projections.fold import FoldedBatch, Partition, Span
from projections.merging import Kind, Shape, Statement

_ASKED = 500
"""So many sources are asked for in one query."""


class PositionRow(NamedTuple):
    """How far a view has read a partition, and of which topic.

    `last_id` and `last_offset` are of the last record applied, None before the first.
    """

    topic: str
    partition: int
    next_offset: int
    epoch: int
    topic_id: str
    last_id: bytes | None
    last_offset: int | None
    view_version: int
    definition: str


class Snapshot(NamedTuple):
    """What a view showed at one moment: digest and number of rows, and how far it had read."""

    digest: str
    rows: int
    positions: Mapping[Partition, PositionRow]


class ViewStore:
    """The tables of one view; `build` names a set that is filled beside the one that serves.

    Every method raises `DatabaseAway`, `DatabaseFull` or `DatabaseRefused`.
    """

    def __init__(self, database: Database, view: View, namespace: str, build: str = "") -> None:
        self.database, self.view, self.namespace, self.build = database, view, namespace, build
        self.tables = tables_of(view, namespace, build)
        self._texts: dict[Shape, str] = {}

    def create(self) -> None:
        """Make the tables that are missing; raise `SchemaMismatch` if there are others.

        Raises `TablesDropped` where one is missing beside others that hold something. Several
        starters may do so at once.
        """
        with self.database.writing() as connection:
            self._require_all(connection)
            formats.mark(connection)
            is_mariadb = getattr(connection.dialect, "is_mariadb", False)
            keep_in_key_order(self.tables.all, is_mariadb=is_mariadb)
            for table in self.tables.all:
                connection.execute(CreateTable(table, if_not_exists=True))
            self._compare(connection)

    def _require_all(self, connection: Connection) -> None:
        """Look for contents first: who writes any has made all tables before."""
        there = self._there(connection)
        if not any(self._filled(connection, table) for table in there):
            return
        if missing := self._missing(connection):
            raise TablesDropped(self.database.name, missing, self.view.name)

    def _missing(self, connection: Connection) -> list[str]:
        there = self._there(connection)
        return [table.name for table in self.tables.all if table not in there]

    def _there(self, connection: Connection) -> list[Table]:
        there = inspect(connection)
        return [table for table in self.tables.all if there.has_table(table.name)]

    def _filled(self, connection: Connection, table: Table) -> bool:
        query = select(literal(1)).select_from(table).limit(1)
        if table is self.tables.position:
            query = query.where(table.c.next_offset > 0)
        return connection.execute(query).first() is not None

    def _compare(self, connection: Connection) -> None:
        inspector = inspect(connection)
        for table in self.tables.all:
            there = [column["name"] for column in inspector.get_columns(table.name)]
            wanted = [column.name for column in table.columns]
            if there != wanted:
                raise self._mismatch(table, f"it has the columns {', '.join(there)}")
        for row in self.positions_on(connection).values():
            self._require_definition(row)

    def _require_definition(self, row: PositionRow) -> None:
        if row.definition != self.view.definition:
            made = f"its rows are of version {row.view_version}"
            if row.view_version == self.view.version:
                made += " under other settings"
            raise self._mismatch(next(iter(self.tables.data.values())), made)

    def _mismatch(self, table: Table, difference: str) -> SchemaMismatch:
        return SchemaMismatch(self.database.name, table.name, self.view.name, difference)

    def drop(self) -> None:
        """Take the tables away, if they are there."""
        with self.database.writing() as connection:
            drop(connection, self.tables)

    def swap(self, build: str) -> None:
        """Put the tables of `build` in the place of these; readers have to take them anew."""
        built, old = (tables_of(self.view, self.namespace, name) for name in (build, "old"))
        swap(self.database, self.tables, built, old)

    def exists(self) -> bool:
        """Tell whether the tables are there."""
        with self.database.reading() as connection:
            return inspect(connection).has_table(self.tables.position.name)

    def missing(self) -> list[str]:
        """Return the names of those of the tables that are not there."""
        with self.database.reading() as connection:
            return self._missing(connection)

    def positions(self) -> Mapping[Partition, PositionRow]:
        """Return how far each partition was read."""
        with self.database.reading() as connection:
            return self.positions_on(connection)

    def positions_on(self, connection: Connection) -> Mapping[Partition, PositionRow]:
        """Return how far each partition was read, as a connection sees it."""
        rows = connection.execute(select(self.tables.position)).all()
        return {(row.topic, row.kafka_partition): PositionRow(*row) for row in rows}

    def take(self, topic: str, partition: int, topic_id: str, above: int = 0) -> PositionRow:
        """Raise the partition's epoch, so that no other reader can write, and return its row.

        By one, or to one more than `above`, which the log knows of tables that were lost.

        A row that is missing is made, at offset 0 and with this topic id; one of a partition that
        was read keeps its own. Raises `SchemaMismatch` if the rows are of another definition of
        the view.
        """
        table, view = self.tables.position, self.view
        shape = Shape(table, Kind.INSERT, tuple(c.name for c in table.columns)[2:])
        new = (topic, partition, 0, 0, topic_id, None, None, view.version, view.definition)
        mine = (table.c.topic == topic) & (table.c.kafka_partition == partition)
        with self.database.writing() as connection:
            connection.exec_driver_sql(self._sql(shape), new)
            known = case((table.c.next_offset == 0, topic_id), else_=table.c.topic_id)
            epoch = case((table.c.epoch < above, above), else_=table.c.epoch) + 1
            raised = {"epoch": epoch, "topic_id": known}
            connection.execute(update(table).where(mine).values(raised))
            row = PositionRow(*connection.execute(select(table).where(mine)).one())
            self._require_definition(row)
            return row

    def high_waters(self, topic: str, partition: int, most: int | None = None) -> dict[str, int]:
        """Return the highest seq applied of each source in a partition, of at `most` so many."""
        return self._waters(self._sources_of(topic, partition).limit(most))

    def high_waters_of(self, topic: str, partition: int, sources: Iterable[str]) -> dict[str, int]:
        """Return the highest seq applied of those of some sources that a partition has."""
        found = dict[str, int]()
        left = iter(sources)
        column = self.tables.sources.c.source
        while some := list(islice(left, _ASKED)):
            found |= self._waters(self._sources_of(topic, partition).where(column.in_(some)))
        return found

    def _sources_of(self, topic: str, partition: int) -> Select[tuple[str, int]]:
        table = self.tables.sources
        mine = (table.c.topic == topic) & (table.c.kafka_partition == partition)
        return select(table.c.source, table.c.seq).where(mine)

    def _waters(self, query: Select[tuple[str, int]]) -> dict[str, int]:
        with self.database.reading() as connection:
            return {row.source: row.seq for row in connection.execute(query).all()}

    def apply(self, batch: FoldedBatch) -> bool:
        """Write a batch in one transaction, if each of its partitions is still ours and there.

        False, and nothing written, if another reader took one, or wrote it before: the batch is
        to be dropped and the positions read again, as after `DatabaseAway`, when the batch may
        have been written. Raises `ChangeRefused` where a row is at fault.
        """
        with self.database.writing() as connection:
            if not all(self._advance(connection, span) for span in batch.spans):
                connection.rollback()
                return False
            for statement in batch.statements:
                self.write(connection, statement)
            self.write(connection, self._sources(batch))
        return True

    def _advance(self, connection: Connection, span: Span) -> bool:
        table, last = self.tables.position, span.last
        changes = update(table).where(
            table.c.topic == span.topic,
            table.c.kafka_partition == span.partition,
            table.c.epoch == span.epoch,
            table.c.next_offset == span.start,
        )
        changes = changes.values(next_offset=span.end)
        if last is not None:
            identity = last.provenance.id_bytes
            changes = changes.values(last_id=identity, last_offset=last.position.offset)
        return connection.execute(changes).rowcount == 1

    def _sources(self, batch: FoldedBatch) -> Statement:
        shape = Shape(self.tables.sources, Kind.UPSERT, ("seq",))
        rows = [
            (span.topic, span.partition, source, seq)
            for span in batch.spans
            for source, seq in sorted(span.high_waters.items())
        ]
        return Statement(shape, rows)

    def write(self, connection: Connection, statement: Statement) -> None:
        """Write rows in the connection's transaction; their shape is of one of these tables."""
        if statement.rows:
            table = self._table(statement.shape)
            packets.check(connection, self.database.name, table, statement)
            connection.exec_driver_sql(self._sql(statement.shape), statement.rows)

    def _sql(self, shape: Shape) -> str:
        if shape not in self._texts:
            dialect = self.database.engine.dialect
            self._texts[shape] = sql(shape, self._table(shape), dialect)
        return self._texts[shape]

    def _table(self, shape: Shape) -> Table:
        return self.tables.data.get(shape.table, shape.table)

    def digest(self, night: str | None = None) -> str:
        """Return the digest of a night's rows (None: of all), the same on every database."""
        with self.database.reading() as connection:
            return digest(connection, self.view, self.tables, night)

    def snapshot(self, night: str | None = None) -> Snapshot:
        """Return the digest of a night's rows (None: of all), and from which records they are."""
        with self.database.at_one_moment() as connection:
            positions = self.positions_on(connection)
            found = digest(connection, self.view, self.tables, night)
            return Snapshot(found, self._rows(connection, night), positions)

    def rows(self, night: str | None = None) -> int:
        """Return how many rows there are of a night (None: of all)."""
        with self.database.reading() as connection:
            return self._rows(connection, night)

    def _rows(self, connection: Connection, night: str | None) -> int:
        total = 0
        for table in self.tables.data.values():
            query = select(func.count()).select_from(table)
            if night is not None and self.view.of_night is not None:
                query = query.where(self.view.of_night.rows(table, night))
            total += connection.execute(query).scalar_one()
        return total
