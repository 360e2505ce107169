"""What happens in the demonstration, in order."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

from infra.database import connect
from infra.demonstrating.report import Told
from infra.demonstrating.stage import Stage
from infra.demonstrating.watch import Watch
from infra.demonstrating.worker import Worker
from infra.indexing import nights_of
from infra.log.cluster import connect as connect_log
from infra.log.registry import Registry
from infra.quarantine.fates import Fates
from infra.settings import load
from producers import Entry
from producers.formats import open_recording, writer_for
from producers.simulated_night import simulated_night
from projections import View, views
from schemas.errors import EvctlError
from schemas.topics import OBSERVATORY

REPLAY = "demo"
WORKERS = ("A", "B")
"""The two projection processes of one group, by the names in the report."""

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


def _plays(view: View) -> bool:
    """Whether a view shows the telescope's events, which are what is played."""
    return OBSERVATORY.name in view.topics


class Story:
    """The demonstration of one recording on one stage."""

    def __init__(self, stage: Stage, recording: Path, speed: str, say: Say) -> None:
        self._stage, self._recording, self._speed, self._say = stage, recording, speed, say
        self._told = Told(recording=recording.name)
        site = load(stage.site_file, None, {}, {}, stage.folder).settings
        self._names = sorted(name for name, view in views(nights_of(site)).items() if _plays(view))
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
        found = self._stage.run("verify", "all", "--replay", REPLAY, "--json", codes=(0, 1))
        self._told.verdict = json.loads(found)
        self._told.quarantined = self._quarantined()
        self._stage.run("rebuild", *self._names)
        stores = self._watch("").stores
        self._told.rebuilt = {name: store.digest() for name, store in stores.items()}
        self._database.close()
        return self._told

    def _quarantined(self) -> int:
        """Return how many records were passed over, live and in the replay."""
        total = 0
        for namespace in ("", f"replay.{REPLAY}."):
            fates = Fates(self._cluster.in_namespace(namespace), Registry(self._cluster))
            fates.refresh()
            total += len(fates.entries)
        return total

    def _watch(self, namespace: str) -> Watch:
        cluster = self._cluster.in_namespace(namespace)
        return Watch(self._site, self._database, cluster, self._names)

    def _live(self) -> None:
        self._say(f"importing {self._recording.name} while two projection processes follow")
        watch = self._watch("")
        workers = self._workers("")
        self._stage.until("both processes' joining", lambda: all(w.joined() for w in workers))
        begin = perf_counter()
        printed = self._stage.run("import", str(self._recording), wait=watch.look)
        self._told.import_s = perf_counter() - begin
        self._told.imported = printed.strip().partition(": ")[2]
        self._stage.until("the live tables' catching up", watch.caught_up)
        self._told.live_lag = watch.most
        for worker in workers:
            worker.end()

    def _workers(self, namespace: str) -> list[Worker]:
        workers = [Worker(self._stage, namespace, name) for name in WORKERS]
        for worker in workers:
            worker.start()
        return workers

    def _replay(self) -> None:
        namespace = f"replay.{REPLAY}."
        pace = "full speed" if self._speed == "max" else f"{self._speed}x"
        self._say(f"replaying it at {pace} while two projection processes share the work")
        watch = self._watch(namespace)
        workers = self._workers(namespace)
        player = self._stage.start(
            "replay", "--all", "--speed", self._speed, "--id", REPLAY, "--json"
        )
        self._stage.until("the replay's first rows", watch.begun)
        self._take_over(watch, workers)
        self._told.replay = json.loads(self._stage.ended(player, wait=watch.look))
        begin = perf_counter()
        self._stage.until("the replayed tables' catching up", watch.caught_up)
        self._told.caught_up_s, self._told.replay_lag = perf_counter() - begin, watch.most
        for worker in workers:
            worker.end()

    def _take_over(self, watch: Watch, workers: Sequence[Worker]) -> None:
        """Kill the process that writes, see the other take over, and start the killed one anew."""

        def meanwhile(happened: Callable[[], bool]) -> bool:
            watch.look()
            return happened()

        self._stage.until("both processes' joining", lambda: all(w.joined() for w in workers))
        killed, other = sorted(workers, key=Worker.writes, reverse=True)
        told = self._told
        told.killed, told.took_over, told.killed_at = killed.name, other.name, watch.applied()
        self._say(f"killing process {killed.name}, which writes, at record {told.killed_at:,}")
        epoch, begin = watch.epoch(), perf_counter()
        killed.kill()
        self._stage.until(
            "the other process's taking over",
            lambda: meanwhile(lambda: other.writes() and watch.epoch() > epoch),
        )
        told.took_over_s = perf_counter() - begin
        self._say(f"process {other.name} has taken over; starting {killed.name} again")
        killed.start()
        self._stage.until("the killed process's return", lambda: meanwhile(killed.joined))
        told.back_after_s = perf_counter() - begin
