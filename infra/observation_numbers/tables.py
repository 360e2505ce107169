"""`vl_obsnum` as OCD has it, and the two tables that stand beside it.

The requests' table says which request got which number: written in one transaction with the
number, so that a retry finds it. The fences' has the highest epoch seen of each writer.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Date,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    inspect,
    text,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import CreateTable
from sqlalchemy.types import TIMESTAMP

from projections.columns import identity

OBSNUM = "vl_obsnum"
UNIQUE = "evctl_obsdate_obsnum"
"""Name of the unique key that `evctl mysql migrate` adds."""

ADD_UNIQUE = text(f"CREATE UNIQUE INDEX {UNIQUE} ON {OBSNUM} (obsdate, obsnum)")

MAX_WRITER = 140
"""Characters of a writer: the longest namespace, and the worker's name."""

_METADATA = MetaData()

VL_OBSNUM = Table(
    OBSNUM,
    _METADATA,
    Column("id", Integer().with_variant(mysql.SMALLINT(unsigned=True), "mysql"), primary_key=True),
    Column("ts", TIMESTAMP, nullable=False, server_default=text("CURRENT_TIMESTAMP")),
    Column("obsdate", Date, nullable=False),
    Column("inst", String(5), nullable=False),
    Column("obsnum", Integer().with_variant(mysql.MEDIUMINT(), "mysql"), nullable=False),
    Index("obsdate", "obsdate"),
    mysql_engine="InnoDB",
)
REQUESTS = Table(
    "evctl_observation_numbers",
    _METADATA,
    identity("request", "id of the ObservationNumberRequested", key=True),
    Column("obsdate", Date, nullable=False),
    Column("obsnum", Integer, nullable=False),
    Column("inst", String(255), nullable=False),
    Column("row_id", BigInteger, nullable=False),
    mysql_engine="InnoDB",
    mysql_collate="utf8mb4_bin",
)
FENCES = Table(
    "evctl_observation_fences",
    _METADATA,
    Column("writer", String(MAX_WRITER), primary_key=True),
    Column("epoch", BigInteger, nullable=False),
    mysql_engine="InnoDB",
    mysql_collate="utf8mb4_bin",
)
THROW_AWAY = Table(
    "evctl_throw_away",
    _METADATA,
    Column("since", TIMESTAMP, nullable=False, server_default=text("CURRENT_TIMESTAMP")),
    mysql_engine="InnoDB",
    mysql_collate="utf8mb4_bin",
)
"""Stands in the database that `evctl mysql up` makes, and nowhere else."""


def create_obsnum(connection: Connection) -> bool:
    """Make `vl_obsnum` unless it is there; tell whether it was made.

    On MySQL as OCD has it; on SQLite, where it is ours alone, with the unique key.
    """
    if inspect(connection).has_table(OBSNUM):
        return False
    connection.execute(CreateTable(VL_OBSNUM, if_not_exists=True))
    if connection.dialect.name == "sqlite":
        connection.execute(ADD_UNIQUE)
    for index in VL_OBSNUM.indexes:
        index.create(connection)
    return True
