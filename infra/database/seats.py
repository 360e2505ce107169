"""Who decides about an input partition, and what was known at its last snapshot."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    LargeBinary,
    MetaData,
    String,
    Table,
    case,
    delete,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.dialects.mysql import LONGBLOB
from sqlalchemy.schema import CreateTable

from infra.database import formats
from infra.database.connecting import Database
from infra.database.statements import sql
from infra.database.tables import keep_in_key_order, prefix
from projections.columns import MAX_TOPIC, identity, text, whole
from projections.merging import Kind, Shape

MAX_SERVICE = 40
"""Characters of a service's name."""

_NAME = "service_seats"


class Seat(NamedTuple):
    """One input partition of one service or worker; `next_offset` is 0 before the first snapshot.

    About records below `decides_from` nothing was ever decided, and nothing will be: they were
    there before the service. `layout` is of the code that made `kept`, the snapshot.
    """

    service: str
    topic: str
    partition: int
    epoch: int
    next_offset: int
    decides_from: int
    topic_id: str
    last_id: bytes | None
    last_offset: int | None
    layout: str
    kept: bytes | None


class SeatStore:
    """The seats of one namespace; every method raises `DatabaseAway`, `…Full` or `…Refused`."""

    def __init__(self, database: Database, namespace: str) -> None:
        self.database = database
        self.table = Table(f"{prefix(namespace)}{_NAME}", MetaData(), *_columns())

    def create(self) -> None:
        """Make the table if it is missing."""
        with self.database.writing() as connection:
            formats.mark(connection)
            is_mariadb = getattr(connection.dialect, "is_mariadb", False)
            keep_in_key_order([self.table], is_mariadb=is_mariadb)
            connection.execute(CreateTable(self.table, if_not_exists=True))

    def exists(self) -> bool:
        """Tell whether the table is there."""
        with self.database.reading() as connection:
            return inspect(connection).has_table(self.table.name)

    def replace(self, seats: Sequence[Seat]) -> None:
        """Write these seats in the place of all that are there."""
        table = self.table
        with self.database.writing() as connection:
            connection.execute(delete(table))
            columns = [column.name for column in table.columns]
            rows = [dict(zip(columns, seat, strict=True)) for seat in seats]
            if rows:
                connection.execute(insert(table), rows)

    def take(self, service: str, place: tuple[str, int], topic_id: str, end: int) -> Seat:
        """Raise the seat's epoch by one, so that no other instance can keep anything; return it.

        A seat that is missing is made, for records from `end` on. So is one from which nothing was
        read yet, if the topic was made anew since; another keeps the topic's id that it has. One
        that was laid out for a topic to come, without its id, takes the id over.
        """
        table = self.table
        shape = Shape(table, Kind.INSERT, tuple(c.name for c in table.columns)[3:])
        new = (service, *place, 0, 0, end, topic_id, None, None, "", None)
        with self.database.writing() as connection:
            connection.exec_driver_sql(sql(shape, table, connection.dialect), new)
            unread = table.c.next_offset == 0
            anew = unread & table.c.topic_id.not_in(("", topic_id))
            raised = {
                "epoch": table.c.epoch + 1,
                "decides_from": case((anew, end), else_=table.c.decides_from),
                "topic_id": case((unread, topic_id), else_=table.c.topic_id),
            }
            connection.execute(update(table).where(self._is(service, place)).values(raised))
            return self._one(connection, service, place)

    def raise_above(self, seat: Seat, epoch: int) -> Seat:
        """Raise the epoch of a seat above one that the log knows, unless it is above it.

        A seat that another instance has taken meanwhile stays as it is: replaced.
        """
        if seat.epoch > epoch:
            return seat
        place, table = (seat.topic, seat.partition), self.table
        mine = self._is(seat.service, place) & (table.c.epoch == seat.epoch)
        with self.database.writing() as connection:
            raised = update(table).where(mine).values({"epoch": epoch + 1})
            done = connection.execute(raised).rowcount == 1
        return seat._replace(epoch=epoch + 1) if done else seat

    def keep(self, seat: Seat) -> bool:
        """Write a snapshot; false, and nothing written, if another instance has the seat."""
        table, place = self.table, (seat.topic, seat.partition)
        mine = self._is(seat.service, place) & (table.c.epoch == seat.epoch)
        values: Mapping[str, object] = {
            "next_offset": seat.next_offset,
            "decides_from": seat.decides_from,
            "last_id": seat.last_id,
            "last_offset": seat.last_offset,
            "layout": seat.layout,
            "kept": seat.kept,
        }
        with self.database.writing() as connection:
            return connection.execute(update(table).where(mine).values(values)).rowcount == 1

    def seats(self) -> list[Seat]:
        """Return all seats, in the order of services, topics and partitions."""
        with self.database.reading() as connection:
            keys = self.table.primary_key.columns
            return [Seat(*row) for row in connection.execute(select(self.table).order_by(*keys))]

    def _is(self, service: str, place: tuple[str, int]) -> ColumnElement[bool]:
        c = self.table.c
        return (c.service == service) & (c.topic == place[0]) & (c.kafka_partition == place[1])

    def _one(self, connection: Connection, service: str, place: tuple[str, int]) -> Seat:
        return Seat(*connection.execute(select(self.table).where(self._is(service, place))).one())


def _columns() -> list[Column[object]]:
    last_id = identity("last_id", "id of the last record read")
    last_id.nullable = True
    blob = LargeBinary().with_variant(LONGBLOB(), "mysql")
    return [
        text("service", MAX_SERVICE, "the service or worker", key=True),
        text("topic", MAX_TOPIC, "the input topic, with namespace", key=True),
        whole("kafka_partition", "its partition", key=True),
        whole("epoch", "raised by each instance that takes over"),
        whole("next_offset", "offset of the first record that the snapshot does not know"),
        whole("decides_from", "offset of the first record that is decided about"),
        text("topic_id", 36, "the topic's id: another one if it was made anew"),
        last_id,
        Column("last_offset", BigInteger, nullable=True, comment="where the last record stands"),
        Column("layout", String(16), nullable=False, comment="digest of version and state"),
        Column("kept", blob, nullable=True, comment="state, high-waters, output offsets"),
    ]
