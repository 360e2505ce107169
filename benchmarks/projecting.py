"""Records into tables, from the log: each view alone, on SQLite and on MariaDB.

The bare figure is what the log and the codec allow: consume and decode, and do nothing.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.scene import publish_night, rate, scene
from benchmarks.table import Row
from infra.database import ViewStore, connect
from infra.indexing import nights_of
from infra.log import reading
from infra.log.cluster import Cluster
from infra.log.cluster import connect as connect_log
from infra.log.decoding import Decoder
from infra.log.registry import Registry
from infra.projecting.feeding import Feed
from infra.projecting.running import Projector
from infra.settings import Settings
from infra.signals import stopping
from projections import View, views
from schemas.topics import OBSERVATORY
from tests.database_servers import MariaDBServer

BARS = {
    ("tcs_latest", "SQLite"): 60_000,
    ("tcs_latest", "MariaDB"): 40_000,
    ("tcs_events", "SQLite"): 50_000,
    ("tcs_events", "MariaDB"): 20_000,
}


def rows(quick: bool = False) -> list[Row]:
    """Return events a second into each table, from a log of 4-value events."""
    count, rounds = (20_000, 1) if quick else (200_000, 5)
    with scene() as site, databases() as urls:
        cluster = connect_log(site)
        publish_night(cluster, count, 1000.0)
        known = views(nights_of(site))
        bare = median(rate(count, lambda: decode_all(cluster)) for _ in range(rounds))
        found = []
        for (name, kind), bar in BARS.items():
            measured = [
                into_table(site, cluster, known[name], urls[kind], count) for _ in range(rounds)
            ]
            ours = median(measured)
            note = f"bar: {bar:,}; bare: consume and decode only"
            found.append(Row(f"{name} into {kind}", ours, "events/s", bare, ours / bare, note))
        return found


@contextmanager
def databases() -> Iterator[dict[str, Callable[[], str]]]:
    """Yield for each kind of database the function that makes an empty one and returns its URL."""
    with tempfile.TemporaryDirectory(prefix="evctl-bench-") as folder:
        server = MariaDBServer(Path(folder))
        server.initialize()
        server.start()
        made = iter(range(1_000_000))

        def sqlite() -> str:
            return f"sqlite:///{Path(folder) / f'{next(made)}.sqlite'}"

        def mariadb() -> str:
            name = f"bench_{next(made)}"
            with server.connect() as connection, connection.cursor() as cursor:
                cursor.execute(f"CREATE DATABASE {name}")
            return f"mysql+pymysql://root@127.0.0.1:{server.port}/{name}"

        try:
            yield {"SQLite": sqlite, "MariaDB": mariadb}
        finally:
            server.stop()


def decode_all(cluster: Cluster) -> None:
    decode = Decoder(Registry(cluster)).record
    place = (OBSERVATORY.full_name(cluster.namespace), 0)
    for batch in reading.messages(cluster, {place: [reading.whole(cluster, [place])[place]]}):
        for message in batch:
            decode(message)


def into_table(
    site: Settings, cluster: Cluster, view: View, new: Callable[[], str], count: int
) -> float:
    database = connect(new())
    try:
        store = ViewStore(database, view, cluster.namespace)
        store.create()
        projector = Projector(cluster, Registry(cluster), [Feed(store)], site)
        with stopping() as stop:
            return rate(count, lambda: projector.once(stop))
    finally:
        database.close()
