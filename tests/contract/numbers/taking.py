"""Requests of observation numbers, and a look at the table."""

from uuid import UUID

from consumers import Ticket
from infra.database import Database
from infra.observation_numbers.tables import OBSNUM

DAY, NEXT_DAY = "2017-11-24", "2017-11-25"


def ticket(request: int, epoch: int = 1) -> Ticket:
    """Return the ticket of a request."""
    return Ticket(UUID(int=request), epoch)


def rows(database: Database) -> list[tuple[object, ...]]:
    """Return the rows of `vl_obsnum` in the order of their ids."""
    with database.reading() as connection:
        query = f"SELECT id, obsdate, inst, obsnum FROM {OBSNUM} ORDER BY id"
        return [(i, str(day), *others) for i, day, *others in connection.exec_driver_sql(query)]


def insert(database: Database, obsdate: str, inst: str, obsnum: int) -> None:
    """Insert a row as OCD does, without a lock."""
    with database.writing() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO {OBSNUM} (obsdate, inst, obsnum) VALUES ('{obsdate}', '{inst}', {obsnum})"
        )
