"""What happens in the demonstration, in order."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from subprocess import Popen
from time import perf_counter

from infra.database import Database, ViewStore, connect
from infra.demonstrating.report import Told
from infra.demonstrating.stage import Stage
from infra.indexing import nights_of
from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.cluster import connect as connect_log
from infra.settings import Settings, load
from producers import Entry
from producers.formats import open_recording, writer_for
from producers.simulated_night import simulated_night
from projections import views
from schemas.errors import EvctlError
from schemas.topics import OBSERVATORY

REPLAY = "demo"
HEAVY = ("tcs_events",)
"""The views of the one projection process; the other has the rest."""

Say = Callable[[str], None]


def record_night(path: Path, seed: int) -> int:
    """Write the simulated night of a seed as a recording; return how many events it has."""
    count = 0
    with writer_for("sqlite")(path) as writer:
        for count, event in enumerate(simulated_night(seed), 1):
            writer.add(Entry(event, None, count))
    return count


def extent(path: Path) -> float:
    """Return the time from a recording's earliest to its latest event, in s."""
    times = [entry.event.data_time for entry in open_recording(path).entries()]
    if not times:
        raise NothingRecorded(path)
    return (max(times) - min(times)) / 1e6


class NothingRecorded(EvctlError):
    """A recording has no event."""

    exit_code = 66

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} has no event: there is nothing to replay.")


class Story:
    """The demonstration of one recording on one stage."""

    def __init__(self, stage: Stage, recording: Path, speed: str, say: Say) -> None:
        self._stage, self._recording, self._speed, self._say = stage, recording, speed, say
        self._told = Told(recording=recording.name)
        site = load(stage.site_file, None, {}, {}, stage.folder).settings
        self._names = sorted(views(nights_of(site)))
        self._rest = tuple(name for name in self._names if name not in HEAVY)
        self._site = site
        self._database = connect(site.database.url)

    def tell(self) -> Told:
        """Play it all, and return what happened."""
        self._say("starting a log in a process of its own")
        self._stage.run("broker", "start")
        self._cluster = connect_log(self._site)
        self._live()
        self._replay()
        self._say("rebuilding, and comparing live, replayed and rebuilt tables")
        for name in self._names:
            self._told.rebuilt = {**self._told.rebuilt, name: self._stage.run("rebuild", name)}
        found = self._stage.run("verify", "all", "--replay", REPLAY, "--json")
        self._told.verdict = json.loads(found)
        self._database.close()
        return self._told

    def _live(self) -> None:
        self._say(f"importing {self._recording.name} while two projection processes follow")
        watch = Watch(self._site, self._database, self._cluster, self._names)
        workers = self._workers("")
        begin = perf_counter()
        printed = self._stage.run("import", str(self._recording), wait=watch.look)
        self._told.import_s = perf_counter() - begin
        self._told.imported = printed.strip().partition(": ")[2]
        self._stage.until("the live tables' catching up", watch.caught_up)
        self._told.live_lag = watch.most
        for worker in workers:
            self._stage.end(worker)

    def _workers(self, namespace: str) -> list[Popen[str]]:
        words = ("--namespace", namespace) if namespace else ()
        return [
            self._stage.start(*words, "run", "projections", *chosen)
            for chosen in (HEAVY, self._rest)
        ]

    def _replay(self) -> None:
        namespace = f"replay.{REPLAY}."
        pace = "full speed" if self._speed == "max" else f"{self._speed}x"
        self._say(f"replaying it at {pace} while two projection processes share the work")
        replay = self._cluster.in_namespace(namespace)
        watch = Watch(self._site, self._database, replay, self._names)
        heavy, rest = self._workers(namespace)
        player = self._stage.start(
            "replay", "--all", "--speed", self._speed, "--id", REPLAY, "--json"
        )
        self._stage.until("the replay's first rows", lambda: watch.applied(HEAVY[0]) > 0)
        self._told.killed_at = watch.applied(HEAVY[0])
        self._say(f"killing one of them (SIGKILL) at record {self._told.killed_at:,}")
        self._stage.kill(heavy)
        begin = perf_counter()
        before = watch.applied(HEAVY[0])
        heavy = self._stage.start("--namespace", namespace, "run", "projections", *HEAVY)
        self._stage.until(
            "the killed process's return",
            lambda: watch.applied(HEAVY[0]) > before or watch.caught_up(),
        )
        self._told.back_after_s = perf_counter() - begin
        self._told.replay = json.loads(self._stage.ended(player, wait=watch.look))
        begin = perf_counter()
        self._stage.until("the replayed tables' catching up", watch.caught_up)
        self._told.caught_up_s, self._told.replay_lag = perf_counter() - begin, watch.most
        for worker in (heavy, rest):
            self._stage.end(worker)


class Watch:
    """How far the tables of a namespace are behind its log."""

    def __init__(
        self, site: Settings, database: Database, cluster: Cluster, names: Sequence[str]
    ) -> None:
        known = views(nights_of(site))
        self._stores = {name: ViewStore(database, known[name], cluster.namespace) for name in names}
        self._cluster, self._consumer = cluster, cluster.consumer()
        self._topic = OBSERVATORY.full_name(cluster.namespace)
        self._there = False
        self.most = 0

    def applied(self, view: str) -> int:
        """Return how many records of the observatory's topic a view has read."""
        store = self._stores[view]
        if not store.exists():
            return 0
        row = store.positions().get((self._topic, 0))
        return 0 if row is None else row.next_offset

    def look(self) -> None:
        """Take note of the lag of the slowest view."""
        self.lag()

    def lag(self) -> int:
        """Return by how many records the slowest view is behind."""
        self._there = self._there or self._topic in topics.existing(self._cluster)
        if not self._there:
            return 0
        _, end = reading.span(self._consumer, self._cluster, (self._topic, 0))
        behind = end - min(self.applied(name) for name in self._stores)
        self.most = max(self.most, behind)
        return behind

    def caught_up(self) -> bool:
        """Whether every view shows all that the log has, which has something."""
        return self.lag() == 0 and all(self.applied(name) > 0 for name in self._stores)
