"""What time it is in a namespace: by the wall clock, a mocked one, or what is carried there."""

from dataclasses import dataclass
from typing import Literal

from infra.clock import utc_micros
from infra.log import reading, topics
from infra.log.cluster import Cluster, connect
from infra.log.decoding import Decoder
from infra.log.registry import Registry
from infra.mocking import mock_of_tick
from infra.namespaces import in_words, is_rehearsed, mock_of, replay_of, simulation_of
from infra.settings import Settings
from infra.tailing.last import last
from infra.tailing.shown import Shown, Unreadable, Wanted
from schemas import utc
from schemas.declare import DECIDED
from schemas.errors import EvctlError
from schemas.events.services import ServiceTookOver, SettingsTookEffect
from schemas.events.ticks import TimePassed
from schemas.record import AnyRecord
from schemas.topics import OBSERVATORY, RECORDED, Topic
from schemas.utc import MICROS

_MISSED = 3 * MICROS
"""A clock whose last tick is older than so many µs does not run."""


class NoTimeYet(EvctlError):
    """Nothing says what time it is in a namespace."""

    exit_code = 66

    def __init__(self, namespace: str, reason: str) -> None:
        super().__init__(f"Nothing says yet what time it is in {in_words(namespace)}: {reason}.")
        self.namespace = namespace


@dataclass(frozen=True, slots=True)
class Present:
    """What those who decide take for the present (µs UTC), and which clock says so.

    `running`: whether it goes on by itself; of a replay or a simulation nobody knows.
    """

    clock: Literal["live", "mock", "replay", "simulation"]
    time: int
    running: bool | None = True


class _Carried(Wanted):
    """What a replay has carried that services say nowhere: these may have said it in the replay."""

    def __call__(self, shown: Shown) -> bool:
        if isinstance(shown, Unreadable) or shown.provenance.replay is None:
            return False
        event = shown.event
        is_of_service = isinstance(event, ServiceTookOver | SettingsTookEffect)
        return not is_of_service and getattr(event, "ORIGIN", None) is not DECIDED


class _Ticks(Wanted):
    """Ticks that can be read."""

    def __call__(self, shown: Shown) -> bool:
        return not isinstance(shown, Unreadable) and isinstance(shown.event, TimePassed)


def present(site: Settings) -> Present:
    """Return what time it is in the site's namespace; raise `NoTimeYet`."""
    namespace = site.log.namespace
    if replay_of(namespace) is not None:
        return Present("replay", _carried(connect(site)), None)
    if simulation_of(namespace) is not None:
        return Present("simulation", _simulated(connect(site)), None)
    if mock_of(namespace) is not None:
        return _mocked(site, last_tick(connect(site)))
    return Present("live", utc_micros())


def last_tick(cluster: Cluster) -> TimePassed | None:
    """Return the namespace's last tick, none if it has none."""
    found = _newest(cluster, OBSERVATORY, _Ticks())
    return None if found is None else found.event


def _simulated(cluster: Cluster) -> int:
    """Return the time that the simulated telescope's last tick tells."""
    tick = last_tick(cluster)
    if tick is None:
        raise NoTimeYet(cluster.namespace, "no telescope was simulated there")
    return tick.time


def _mocked(site: Settings, tick: TimePassed | None) -> Present:
    mock, now = mock_of_tick(tick), utc_micros()
    if tick is not None:
        running = now - tick.time < _MISSED
        return Present("mock", mock.at(now) if mock and running else tick.now, running)
    if site.dates.mock_time is not None:
        return Present("mock", utc.parse(site.dates.mock_time), running=False)
    reason = "no clock has run there, and dates.mock_time is not set"
    raise NoTimeYet(site.log.namespace, reason)


def _carried(cluster: Cluster) -> int:
    """Return the event time of what a replay carried last; services go by `observatory`.

    In the replay of a rehearsal it is the mocked time then.
    """
    for topic in RECORDED:
        found = _newest(cluster, topic, _Carried())
        if found is not None:
            mock = mock_of_tick(last_tick(cluster)) if is_rehearsed(cluster.namespace) else None
            return found.time if mock is None else mock.at(found.time)
    raise NoTimeYet(cluster.namespace, "no replay has carried anything there")


def _newest(cluster: Cluster, topic: Topic, wanted: Wanted) -> AnyRecord | None:
    name = topic.full_name(cluster.namespace)
    if name not in topics.existing(cluster):
        return None
    partitions = topics.describe(cluster, [name])[name].partitions
    held = reading.whole(cluster, [(name, number) for number in range(partitions)])
    for found in last(cluster, Decoder(Registry(cluster)), held, wanted, 1):
        if not isinstance(found, Unreadable):
            return found
    return None
