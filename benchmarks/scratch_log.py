"""An embedded log in a directory of its own, filled with a night of 4-value events."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.broker import control
from infra.log.cluster import Cluster, connect
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.settings import Settings
from schemas.events.tcs import TcsEvent
from schemas.topics import OBSERVATORY

DUSK = 1_795_200_000_000_000  # 2026-11-20T18:40Z, µs


@contextmanager
def scratch_log() -> Iterator[Cluster]:
    """Yield an empty embedded log; its broker is stopped and its files are removed at the end."""
    with TemporaryDirectory(prefix="evctl-bench-") as directory:
        settings = Settings.model_validate({"log": {"data_dir": directory}})
        cluster = connect(settings)
        try:
            yield cluster
        finally:
            control.stop(Path(directory))


def publish_night(cluster: Cluster, events: int, rate: float) -> None:
    """Publish so many events of about 140 bytes to `observatory`, `rate` of them a second."""
    publisher = Publisher(cluster, Registry(cluster), OBSERVATORY, "bench")
    for number in range(events):
        time = DUSK + round(number * 1e6 / rate)
        values = {"x": 1.25 * number, "y": 2.5, "z": -1.0, "rho": 0.125}
        event = TcsEvent(time, time, "tcs", "tracker", "position", False, values, {})
        publisher.publish(event)
    publisher.flush()
