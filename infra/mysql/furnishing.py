"""What a throw-away server has when it is handed over: OCD's table, with one entry."""

import time
from collections.abc import Callable
from datetime import date

from sqlalchemy import URL, insert
from sqlalchemy.schema import CreateTable

from infra.clock import utc_micros
from infra.database import connect
from infra.mysql.errors import NotStarted
from infra.mysql.server import DATABASE, USER, Server
from infra.observation_numbers.tables import THROW_AWAY, VL_OBSNUM, create_obsnum
from schemas.nights import observing_date

FIRST = ("virus", 10)
"""Instrument and number of the entry of today, as OCD's documentation shows it."""

_START_S, _POLL_S = 120.0, 0.05


def await_life(server: Server, is_there: Callable[[], bool], last_words: Callable[[], str]) -> None:
    """Wait until a server answers; raise `NotStarted` if it ends, or takes too long."""
    deadline = time.monotonic() + _START_S
    while not server.answers():
        if not is_there():
            raise NotStarted("ended before it served", last_words())
        if time.monotonic() > deadline:
            raise NotStarted(f"did not answer within {_START_S:g} s", last_words())
        time.sleep(_POLL_S)


def furnish(server: Server) -> None:
    """Make the table and its first entry, and the mark that says that all of it is for trying."""
    password = server.password_file.read_text(encoding="utf-8").strip()
    url = URL.create("mysql+pymysql", USER, None, server.host, server.port, DATABASE)
    database = connect(url.render_as_string(), password)
    inst, obsnum = FIRST
    today = date.fromisoformat(observing_date(utc_micros()))
    try:
        with database.writing() as connection:
            connection.execute(CreateTable(THROW_AWAY, if_not_exists=True))
            if create_obsnum(connection):
                row = {"obsdate": today, "inst": inst, "obsnum": obsnum}
                connection.execute(insert(VL_OBSNUM).values(row))
    finally:
        database.close()
