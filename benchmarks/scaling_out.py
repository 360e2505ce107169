"""1, 2 and 4 projection processes that share 12 partitions on MariaDB, joining and leaving.

The `alerts` of a namespace get 12 partitions. One process begins, others join it, and all but one
leave again while records come; the tables then have to have each record once.
"""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import fastavro
import yaml
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]  # it has no __all__

from benchmarks.projecting import databases
from benchmarks.scene import scene
from benchmarks.table import Row
from infra.database import ViewStore, connect
from infra.indexing import nights_of
from infra.log import reading
from infra.log.cluster import Cluster
from infra.log.cluster import connect as connect_log
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.settings import Settings
from projections import views
from schemas.topics import ALERTS

PARTITIONS, VIEW = 12, "night_summary"
BESIDE = "one instance"
_SCHEMA: Any = {
    "type": "record",
    "name": "Alert",
    "fields": [{"name": "number", "type": "long"}, {"name": "flux", "type": "double"}],
}
_PARSED = fastavro.parse_schema(_SCHEMA)


def rows(quick: bool = False) -> list[Row]:
    """Return records a second of 1, 2 and 4 instances; raise if one is lost or doubled."""
    count = 40_000 if quick else 200_000  # filled while members hold still: within a session
    found: list[Row] = []
    with scene() as site, databases() as urls:
        for instances in (1, 2, 4):
            cluster = connect_log(site).in_namespace(f"scale{instances}.")
            _fill(cluster, 0)
            with _processes(site, cluster, urls["MariaDB"](), instances) as (store, group):
                group.hold(signal.SIGSTOP)
                _fill(cluster, count)
                begun = monotonic()
                group.hold(signal.SIGCONT)
                while _applied(store) < count:
                    sleep(0.02)
                speed = count / (monotonic() - begun)
                _require(store, count)
            one = found[0].value if found else speed
            note = "each record once, by the sums of the table"
            found.append(Row(f"{instances} instances", speed, "records/s", one, speed / one, note))
        found.append(_rebalancing(site, urls["MariaDB"](), count))
    return found


def _rebalancing(site: Settings, url: str, count: int) -> Row:
    """Let instances come and go while there is work: nothing may be lost or doubled."""
    cluster = connect_log(site).in_namespace("scale.moving.")
    _fill(cluster, count)
    changes = 0
    with _processes(site, cluster, url, 1) as (store, group):
        for wanted in (2, 3, 4, 3, 2, 4, 1):
            while len(group.running) < wanted:
                group.start()
                changes += 1
            while len(group.running) > wanted:
                group.kill()
                changes += 1
            _fill(cluster, count // 20)
            count += count // 20
            group.wait_until_shared()
        while _applied(store) < _on_log(cluster):
            sleep(0.02)
        _require(store, _on_log(cluster))
    note = "instances started and killed under load: no duplicate, no gap"
    return Row("changes of the group", changes, "changes", None, None, note)


class _Group:
    """Projection processes of one view."""

    def __init__(self, site_file: Path, namespace: str) -> None:
        self._command = [
            *(sys.executable, "-m", "infra.cli", "--site-file", str(site_file)),
            *("--namespace", namespace, "run", "projections", VIEW, "--log-file"),
        ]
        self._folder = site_file.parent
        self._number = 0
        self.running: dict[Path, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        self._number += 1
        log = self._folder / f"{self._number}.log"
        self.running[log] = subprocess.Popen([*self._command, str(log)], stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        _, process = self.running.popitem()
        process.kill()
        process.wait()

    def hold(self, number: signal.Signals) -> None:
        """Stop all, or let them go on."""
        for process in self.running.values():
            process.send_signal(number)

    def wait_until_shared(self) -> None:
        while not all(log.exists() and " took " in log.read_text() for log in self.running):
            sleep(0.02)

    def end(self) -> None:
        while self.running:
            self.kill()


@contextmanager
def _processes(
    site: Settings, cluster: Cluster, url: str, instances: int
) -> Iterator[tuple[ViewStore, _Group]]:
    database = connect(url)
    store = ViewStore(database, views(nights_of(site))[VIEW], cluster.namespace)
    store.create()
    with tempfile.TemporaryDirectory(prefix="evctl-bench-") as folder:
        file = Path(folder) / "site.yaml"
        file.write_text(
            yaml.safe_dump({"log": {"data_dir": str(site.log.data_dir)}, "database": {"url": url}}),
            encoding="utf-8",
        )
        group = _Group(file, cluster.namespace)
        try:
            for _ in range(instances):
                group.start()
            group.wait_until_shared()
            yield store, group
        finally:
            group.end()
            database.close()


def _fill(cluster: Cluster, count: int) -> None:
    name = ALERTS.full_name(cluster.namespace)
    if name not in cluster.admin().list_topics(timeout=10).topics:
        topic = NewTopic(name, PARTITIONS, config=dict(ALERTS.config()))
        for future in cluster.admin().create_topics([topic]).values():
            future.result()
    registry = Registry(cluster)
    number = registry.register_foreign(_SCHEMA)
    start = _on_log(cluster)
    publisher = Publisher(cluster, registry, ALERTS, f"bench-{start}", linger_ms=20)
    for n in range(start, start + count):
        data = _encoded({"number": n, "flux": n / 7})
        publisher.publish_encoded(number, data, key=str(n), timestamp=1_763_604_000_000 + n)
    publisher.flush()


def _encoded(fields: dict[str, Any]) -> bytes:
    buffer = BytesIO()
    fastavro.schemaless_writer(buffer, _PARSED, fields)
    return buffer.getvalue()


def _on_log(cluster: Cluster) -> int:
    name = ALERTS.full_name(cluster.namespace)
    places = [(name, n) for n in range(PARTITIONS)]
    return sum(end - low for low, end in reading.whole(cluster, places).values())


def _applied(store: ViewStore) -> int:
    return sum(row.next_offset for row in store.positions().values())


def _require(store: ViewStore, count: int) -> None:
    (table,) = store.tables.data.values()
    with store.database.reading() as connection:
        found = sum(row.records for row in connection.execute(table.select()))
    if found != count:
        raise AssertionError(f"{found} records in the table, {count} on the log")
