"""A simulated night with an orchestrator in this process, which can be dropped as by a crash."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from infra.database import connect as connect_database
from infra.database.seats import SeatStore
from infra.log.cluster import Cluster
from infra.log.membership import Membership
from infra.log.registry import Registry
from infra.serving.roles import of_service
from infra.serving.running import Server
from infra.signals import Stop
from infra.simulating.report import Report
from infra.simulating.running import Simulation
from producers.telescope.scenario import Scenario
from schemas import utc
from schemas.events.shot_lists import Shot
from schemas.utc import MICROS
from tests.integration.simulating import plain_orchestrator

START = utc.parse("2019-03-07T02:30:00")
SHOTS = tuple(Shot(f"shot{n}", n / 3, 50.0 + n, 2, 1, 1, None, {}) for n in range(12))


def scenario(seconds: float, **more: Any) -> Scenario:
    """Return a short night with twelve shots."""
    end = START + round(seconds * MICROS)
    return Scenario(more.pop("seed", 1), START, end, shots=SHOTS, name="shots.txt", **more)


@contextmanager
def orchestrated(cluster: Cluster, database: str, *, crashes: bool = False) -> Iterator[None]:
    """Let an orchestrator serve a simulation's namespace while the block runs.

    One that `crashes` does not say that it ends.
    """
    stop, service = Stop(), plain_orchestrator.service()
    seats = SeatStore(connect_database(database), cluster.namespace)
    seats.create()
    cast = of_service(replace(service, closing=None) if crashes else service, {})
    server = Server(cluster, Registry(cluster), seats, cast)
    group = Membership(cluster, f"{cluster.namespace}evctl.orchestrator", "test")
    thread = threading.Thread(target=server.run, args=(stop, group))
    thread.start()
    try:
        yield
    finally:
        stop.on_signal(15)
        thread.join(60)
        stop.close()
        assert not thread.is_alive()


def simulated(cluster: Cluster, scenario: Scenario, stop: Stop, **more: Any) -> Report:
    """Run a simulation to its end."""
    return Simulation(cluster, scenario, stop, **{"speed": float("inf"), **more}).run()
