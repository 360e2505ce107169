"""Databases for observation numbers, with OCD's table where it has to be there before."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from infra.database import Database, connect
from infra.observation_numbers import NumberStore, migrating


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database with `vl_obsnum`, or one that makes it by itself, on each kind in turn."""
    with closing(connect(database_url)) as database:
        if not database_url.startswith("sqlite"):
            migrating.create(database)
        yield database


@pytest.fixture
def mariadb(mariadb_url: str) -> Iterator[Database]:
    """A MariaDB without a table."""
    with closing(connect(mariadb_url)) as database:
        yield database


@pytest.fixture
def numbers(database: Database) -> NumberStore:
    """Where numbers are given out."""
    return NumberStore(database, "observation_numbers", "virus")
