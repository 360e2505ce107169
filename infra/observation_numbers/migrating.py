"""What is done to the tables of a site only when somebody asks for it."""

from typing import NamedTuple

from sqlalchemy import Connection, func, inspect, select

from infra.database import Database
from infra.observation_numbers.errors import Duplicates
from infra.observation_numbers.refusing import refusing
from infra.observation_numbers.structure import limits_on
from infra.observation_numbers.tables import (
    ADD_UNIQUE,
    OBSNUM,
    UNIQUE,
    VL_OBSNUM,
    create_obsnum,
)

_SHOWN = 5


class Key(NamedTuple):
    """The key that keeps a date's numbers apart, and whether it was added now."""

    name: str
    added: bool


def create(database: Database) -> bool:
    """Make `vl_obsnum` as OCD has it, unless it is there; tell whether it was made."""
    with refusing(database.name), database.writing() as connection:
        return create_obsnum(connection)


def migrate(database: Database) -> Key:
    """Let the database hold each number of a date only once: add the unique key.

    Raises `TableMissing`, `WrongStructure` and `Duplicates`. On SQLite the table is made with it.
    """
    with refusing(database.name), database.writing() as connection:
        if connection.dialect.name == "sqlite":
            create_obsnum(connection)
        limits_on(connection, database.name)
        there = unique_key(connection)
        if there is not None:
            return Key(there, added=False)
        _refuse_duplicates(connection, database.name)
        connection.execute(ADD_UNIQUE)
        return Key(UNIQUE, added=True)


def unique_key(connection: Connection) -> str | None:
    """Return the key that keeps a date's numbers apart, None where there is none."""
    for index in inspect(connection).get_indexes(OBSNUM):
        columns = index["column_names"]
        if index["unique"] and columns and {*columns} <= {"obsdate", "obsnum"}:
            return index["name"]
    return None


def _refuse_duplicates(connection: Connection, database: str) -> None:
    c = VL_OBSNUM.c
    twice = (
        select(c.obsdate, c.obsnum, func.count().label("times"))
        .group_by(c.obsdate, c.obsnum)
        .having(func.count() > 1)
        .order_by(c.obsdate, c.obsnum)
    )
    found = connection.execute(twice).all()
    if found:
        said = [f"{row.obsdate} {row.obsnum}: {row.times} rows" for row in found[:_SHOWN]]
        raise Duplicates(database, said, len(found) - len(said))
