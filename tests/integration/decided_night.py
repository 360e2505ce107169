"""A night in which `silence` decided, with what stood before and after it on the log."""

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from infra.database.seats import SeatStore
from infra.indexing import open_database
from infra.log import reading, topics
from infra.log.cluster import Cluster
from infra.log.reading import Place, Span
from infra.log.registry import Registry
from infra.serving import roles
from infra.serving.running import Server
from infra.signals import Stop
from schemas.topics import TOPICS
from schemas.utc import MICROS
from tests.e2e.stage import Stage
from tests.integration.replay_log import DAY, MIDNIGHT
from tests.integration.serving.silent_telescope import Telescope

NIGHT_BEFORE, NIGHT = "2026-11-20", "2026-11-21"
DUSK = MIDNIGHT - DAY // 4
"""When the night begins, µs UTC."""

AFTER_S = 5.0
SECTIONS: Mapping[str, Mapping[str, float]] = {"silence": {"after": AFTER_S}}


def decided_night(
    stage: Stage, at_dusk: Callable[[], None] = lambda: None, *, late: bool = True
) -> None:
    """Record two systems that fall silent before, in and after the night; let that be decided.

    At dusk one of them is silent already, and the other is about to be. Before the first record of
    the night, `at_dusk` is called. Some of its records come `late`, after those of another night.
    """
    telescope = Telescope(stage.cluster)
    telescope.now = DUSK - 20 * MICROS
    decide(stage)  # takes its seat: it decides about what comes from here on
    telescope.fall_silent(2)
    telescope.speak("dome")
    telescope.wait(5)
    telescope.flush()
    at_dusk()
    telescope.wait(5)
    telescope.fall_silent(5)
    telescope.speak("dome")
    telescope.wait(3)
    tomorrow = telescope.now + DAY
    telescope.now = tomorrow
    telescope.fall_silent(2, "dome")
    if late:
        spool = Telescope(stage.cluster, "late")
        spool.now = DUSK + 3600 * MICROS
        spool.fall_silent(1, "tracker")
    decide(stage)
    stage.done("run", "projections", "--once")


def decide(stage: Stage) -> None:
    """Let `silence` decide about all that is on the log, in this process."""
    settings, cluster = stage.settings, stage.cluster
    seats = SeatStore(open_database(settings), cluster.namespace)
    seats.create()
    server = Server(cluster, Registry(cluster), seats, roles.cast("silence", settings))
    with unasked() as stop:
        server.once(stop)
    seats.database.close()


@contextmanager
def unasked() -> Iterator[Stop]:
    """Give a wish to stop that has not come."""
    stop = Stop()
    try:
        yield stop
    finally:
        stop.close()


def asked(stop: Stop) -> None:
    """Ask for a stop, as Ctrl+C does."""
    if not stop.requested:
        stop.on_signal(signal.SIGINT)


def on_log(cluster: Cluster) -> dict[Place, Span]:
    """Return what each of our topics holds, to see that nothing was written."""
    there = set(topics.existing(cluster))
    names = {one.full_name(cluster.namespace) for one in TOPICS}
    real = topics.describe(cluster, sorted(there & names))
    assert there == set(real), "topics were made"
    places = [(name, n) for name, found in real.items() for n in range(found.partitions)]
    return reading.whole(cluster, places)
