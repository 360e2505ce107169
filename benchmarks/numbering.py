"""Observation numbers a second, of fifty clients at once on MariaDB, and that none is missing.

    python -m benchmarks numbering

Each client is a process with a connection of its own. Bare are as many clients that carry out the
same statements in pymysql, and look at nothing that comes back but the highest number.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from uuid import UUID, uuid5

import pymysql
from sqlalchemy import make_url

from benchmarks.table import Row, against
from consumers import Ticket
from infra.database import connect
from infra.observation_numbers import NumberStore, migrating
from tests.database_servers import MariaDBServer

CLIENTS = 50
DAY = "2017-11-24"
_NAMES = UUID(int=0)
_WITH_GAPS = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"
_LOCK, _RELEASE = "SELECT GET_LOCK('bare', 60)", "SELECT RELEASE_LOCK('bare')"
_FENCE = "SELECT epoch FROM evctl_observation_fences WHERE writer = 'bare' FOR UPDATE"
_BEFORE = "SELECT * FROM evctl_observation_numbers WHERE request = %s"
_NEXT = "SELECT MAX(obsnum) FROM vl_obsnum WHERE obsdate = %s FOR UPDATE"
_INSERT = "INSERT INTO vl_obsnum (obsdate, inst, obsnum) VALUES (%s, 'virus', %s)"
_REQUEST = (
    "INSERT INTO evctl_observation_numbers (request, obsdate, obsnum, inst, row_id) "
    "VALUES (%s, %s, %s, 'virus', %s)"
)
_processes = get_context("forkserver")
_processes.set_forkserver_preload([__name__])
Client = Callable[[str, int, int, Barrier], None]


def rows(quick: bool = False) -> list[Row]:
    """Return numbers a second, with the key that `evctl mysql migrate` adds and without it."""
    count, rounds = (500, 1) if quick else (10_000, 3)
    found = []
    with _server() as server:
        for key in (True, False):
            ours, bare = [], []
            for _ in range(rounds):
                ours.append(_rate(server, _client, CLIENTS, count, key=key))
                bare.append(_rate(server, _bare_client, CLIENTS, count, key=key))
            name = f"{CLIENTS} clients, {count:,} numbers, {'with' if key else 'without'} the key"
            note = "no gap, no duplicate, ids contiguous"
            found.append(against(name, median(ours), median(bare), "numbers/s", note))
        one = partial(_rate, server, clients=1, count=count // 10, key=True)
        found.append(
            against("one client, with the key", one(_client), one(_bare_client), "numbers/s")
        )
    return found


@contextmanager
def _server() -> Iterator[MariaDBServer]:
    with TemporaryDirectory(prefix="evctl-bench-") as folder:
        server = MariaDBServer(Path(folder))
        server.initialize()
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _rate(server: MariaDBServer, client: Client, clients: int, count: int, *, key: bool) -> float:
    """Return numbers a second, once all clients are connected; each number is looked for."""
    with server.database() as url:
        database = connect(url)
        migrating.create(database)
        if key:
            migrating.migrate(database)
        NumberStore(database, "bare", "virus").find(Ticket(_NAMES, 1))  # makes the other tables
        begin = _processes.Barrier(clients + 1)
        started = [
            _processes.Process(target=client, args=(url, number, count // clients, begin))
            for number in range(clients)
        ]
        for process in started:
            process.start()
        begin.wait(300)
        since = perf_counter()
        for process in started:
            process.join()
        rate = count / (perf_counter() - since)
        assert [process.exitcode for process in started] == [0] * clients
        with database.reading() as connection:
            taken = connection.exec_driver_sql("SELECT id, obsnum FROM vl_obsnum ORDER BY id").all()
        assert [tuple(row) for row in taken] == [(n, n) for n in range(1, count + 1)]
        database.close()
        return rate


def _client(url: str, number: int, count: int, begin: Barrier) -> None:
    database = connect(url)
    store = NumberStore(database, "observation_numbers", "virus", lock_wait_s=60)
    tickets = [Ticket(uuid5(_NAMES, f"{number}:{n}"), 1) for n in range(count)]
    store.find(tickets[0])  # connects, looks at the tables
    begin.wait(300)
    for ticket in tickets:
        store.take(ticket, DAY, "")


def _bare_client(url: str, number: int, count: int, begin: Barrier) -> None:
    there = make_url(url)
    connection = pymysql.connect(
        host=there.host, port=there.port or 0, user=there.username, database=there.database
    )
    requests = [uuid5(_NAMES, f"{number}:{n}").bytes for n in range(count)]
    with connection, connection.cursor() as cursor:
        cursor.execute(_WITH_GAPS)
        begin.wait(300)
        for request in requests:
            cursor.execute(_LOCK)
            cursor.execute(_FENCE)
            cursor.execute(_BEFORE, (request,))
            cursor.execute(_NEXT, (DAY,))
            ((highest,),) = cursor.fetchall()
            obsnum = (highest or 0) + 1
            cursor.execute(_INSERT, (DAY, obsnum))
            cursor.execute(_REQUEST, (request, DAY, obsnum, cursor.lastrowid))
            connection.commit()
            cursor.execute(_RELEASE)
