"""Observation numbers given out from a table: the next of a date, to each request once."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from sqlalchemy import Connection, func, insert, inspect, select, update
from sqlalchemy.schema import CreateTable

from consumers import Refused, Ticket
from consumers.observation_numbers import Taken
from infra.database import Database, DatabaseAway
from infra.observation_numbers import errors
from infra.observation_numbers.locking import WAIT_S, alone
from infra.observation_numbers.refusing import refusing
from infra.observation_numbers.structure import Limits, limits_on
from infra.observation_numbers.tables import (
    FENCES,
    REQUESTS,
    THROW_AWAY,
    VL_OBSNUM,
    create_obsnum,
)

_LOGGER = logging.getLogger("evctl.observation_numbers")


class NumberStore:
    """Gives out numbers; see `consumers.observation_numbers.Numbers`.

    `writer` names whose epochs are compared. Where it does not `record`, it reads only.
    """

    def __init__(
        self,
        database: Database,
        writer: str,
        instrument: str,
        *,
        record: bool = True,
        rehearses: str = "",
        lock_wait_s: float = WAIT_S,
    ) -> None:
        self.database = database
        self._writer, self._instrument, self._record = writer, instrument, record
        self._rehearses, self._lock_wait_s = rehearses, lock_wait_s
        self._limits: Limits | None = None
        self._is_away = False

    def take(self, ticket: Ticket, obsdate: str, inst: str) -> Taken:
        """Take the date's next number, or return what the request got before."""
        with self._answering(), refusing(self.database.name):
            limits, name = self._known(), inst or self._instrument
            if len(name) > limits.inst:
                raise errors.InstTooLong(name, limits.inst)
            day = date.fromisoformat(obsdate)
            if not self._record:
                with self.database.reading() as connection:
                    obsnum = self._next(connection, day, limits)
                return Taken(obsdate, obsnum, name, recorded=False, row_id=None)
            with alone(self.database, self._lock_wait_s) as connection:
                self._admit(connection, ticket)
                before = self._found(connection, ticket)
                return before or self._insert(connection, ticket, day, name, limits)

    def find(self, ticket: Ticket) -> Taken | None:
        """Return what a request got, and refuse from now on who has a lower epoch."""
        with self._answering():
            try:
                self._known()
            except errors.NumbersFault:
                return None  # nobody can take a number there
            if not self._record:
                return None
            with alone(self.database, self._lock_wait_s) as connection:
                self._admit(connection, ticket)
                return self._found(connection, ticket)

    # Inside of a transaction

    def _admit(self, connection: Connection, ticket: Ticket) -> None:
        mine = FENCES.c.writer == self._writer
        asked = select(FENCES.c.epoch).where(mine).with_for_update()
        seen = connection.execute(asked).scalar()
        if seen is None:
            row = {"writer": self._writer, "epoch": ticket.epoch}
            connection.execute(insert(FENCES).values(row))
        elif ticket.epoch < seen:
            raise Refused(f"epoch {ticket.epoch} was replaced by {seen}")
        elif ticket.epoch > seen:
            connection.execute(update(FENCES).where(mine).values(epoch=ticket.epoch))

    def _found(self, connection: Connection, ticket: Ticket) -> Taken | None:
        asked = select(*REQUESTS.columns).where(REQUESTS.c.request == ticket.request.bytes)
        row = connection.execute(asked).first()
        if row is None:
            return None
        return Taken(row.obsdate.isoformat(), row.obsnum, row.inst, True, row.row_id)

    def _next(self, connection: Connection, day: date, limits: Limits) -> int:
        """Return one above the highest number of a date, and keep others from inserting there.

        Rows and gaps stay locked until the transaction ends: a program that inserts without our
        lock waits, and one that has inserted and not committed yet is waited for.
        """
        asked = select(func.max(VL_OBSNUM.c.obsnum)).where(VL_OBSNUM.c.obsdate == day)
        highest = connection.execute(asked.with_for_update() if self._record else asked).scalar()
        if highest is not None and highest >= limits.obsnum:
            raise errors.ObsnumExhausted(self.database.name, day.isoformat(), highest)
        return 1 if highest is None else int(highest) + 1

    def _insert(
        self, connection: Connection, ticket: Ticket, day: date, inst: str, limits: Limits
    ) -> Taken:
        obsnum = self._next(connection, day, limits)
        row = {"obsdate": day, "inst": inst, "obsnum": obsnum}
        row_id = connection.execute(insert(VL_OBSNUM).values(row)).lastrowid
        request = {"request": ticket.request.bytes, "row_id": row_id}
        connection.execute(insert(REQUESTS).values({**request, **row}))
        return Taken(day.isoformat(), obsnum, inst, True, row_id)

    # What there is

    def _known(self) -> Limits:
        """Return what the table holds, looked at once while the database answers."""
        if self._limits is None:
            with self.database.reading() as connection:
                if self._rehearses and not self._may_rehearse(connection):
                    raise errors.NotThrowAway(self.database.name, self._rehearses)
                found = limits_on(connection, self.database.name)
            if self._record:
                self._make_missing()
            self._limits = found
        return self._limits

    def _may_rehearse(self, connection: Connection) -> bool:
        return connection.dialect.name == "sqlite" or inspect(connection).has_table(THROW_AWAY.name)

    def _make_missing(self) -> None:
        """Make our own tables; on SQLite all are."""
        with self.database.writing() as connection:
            there = inspect(connection)
            for table in (REQUESTS, FENCES):
                if not there.has_table(table.name):
                    connection.execute(CreateTable(table, if_not_exists=True))
            if connection.dialect.name == "sqlite":
                create_obsnum(connection)

    # What can go wrong

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Raise `Away` where the database does not answer; say once that it does not, or again."""
        try:
            yield
        except (DatabaseAway, errors.Away) as fault:
            self._limits = None  # it may come back as another one
            away = fault if isinstance(fault, errors.Away) else errors.Away(str(fault))
            if not self._is_away:
                self._is_away = True
                _LOGGER.warning("%s Observation numbers wait for it.", away)
            raise away from fault
        except errors.TableMissing:
            self._limits = None
            raise
        if self._is_away:
            self._is_away = False
            _LOGGER.warning("%s gives out observation numbers again.", self.database.name)
