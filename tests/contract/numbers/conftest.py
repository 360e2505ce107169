"""Stores of observation numbers on both databases, with OCD's table where it has to be there."""

from collections.abc import Callable, Iterator
from uuid import UUID

import pytest

from consumers import Ticket
from infra.database import Database, connect
from infra.observation_numbers import NumberStore, migrating

Open = Callable[..., NumberStore]
DAY = "2017-11-24"


def ticket(request: int, epoch: int = 1) -> Ticket:
    """Return the ticket of a request."""
    return Ticket(UUID(int=request), epoch)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database with `vl_obsnum`, on each kind in turn."""
    database = connect(database_url)
    if not database_url.startswith("sqlite"):
        migrating.create(database)
    yield database
    database.close()


@pytest.fixture
def mariadb(mariadb_url: str) -> Iterator[Database]:
    """A MariaDB without a table."""
    database = connect(mariadb_url)
    yield database
    database.close()


@pytest.fixture
def numbers(database: Database) -> NumberStore:
    """Where numbers are given out."""
    return NumberStore(database, "observation_numbers", "virus")
