"""The clock of services: a `TimePassed` record for each second.

A tick's seq is its second, so of two clocks that run at once the second tick is a repeat: a site
may run a spare.
"""

from collections.abc import Callable
from math import floor

from infra.clock import utc_micros
from infra.log.cluster import Cluster
from infra.log.registry import Registry
from infra.log.writing import Publisher
from infra.mocking import Mock
from infra.signals import Stop
from schemas.events.ticks import TimePassed
from schemas.topics import OBSERVATORY
from schemas.utc import MICROS

SOURCE = "clock"


def tick(cluster: Cluster, stop: Stop, mock: Mock | None = None) -> int:
    """Append ticks until a stop is asked for; return how many were acknowledged.

    A second that passes while the log takes none has no tick: time goes on with the next. With a
    `mock`, ticks carry the mocked time too, which goes on as the true one does.
    """
    publisher = Publisher(cluster, Registry(cluster), OBSERVATORY, SOURCE, linger_ms=0)
    told: Callable[[int], TimePassed] = TimePassed if mock is None else mock.tick
    ticks, last = 0, utc_micros() // MICROS
    while not stop.wait(max(0.0, last + 1 - utc_micros() / MICROS)):
        last = floor(utc_micros() / MICROS)
        publisher.publish(told(last * MICROS), seq=last)
        publisher.flush()
        ticks += 1
    return ticks
