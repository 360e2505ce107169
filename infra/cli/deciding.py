"""Services in a replay, as the commands see them: invited, awaited, compared."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import typer

import consumers
from consumers import Service
from infra.cli.progress import progress
from infra.cli.reminding import Reminder
from infra.cli.viewing import patience
from infra.database import Database
from infra.database.seats import SeatStore
from infra.indexing import open_database
from infra.log import topics
from infra.log.cluster import Cluster
from infra.log.registry import Registry
from infra.namespaces import replay_of
from infra.replay.awaiting import (
    PATIENCE_S,
    NoStandIn,
    NotDecided,
    NotInvited,
    await_invitation,
    came,
    handled,
    invitation,
)
from infra.replay.closed import LockStep
from infra.replay.comparing import compared, deciders
from infra.replay.inviting import OPEN, invite
from infra.replay.namespace import claim
from infra.replay.request import Request
from infra.sealing.shelf import Shelf
from infra.serving import roles
from infra.serving.comparing import Comparison
from infra.serving.roles import Cast
from infra.serving.shelved import Shelved
from infra.settings import Settings
from infra.signals import Stop, stopping
from infra.windows import Window
from schemas.topics import OBSERVATORY

DISAGREE = 1
_SHOWN = 20


class SettingsOf(StrEnum):
    """By which settings services decide."""

    RECORDED = "recorded"
    PRESENT = "present"


def present_settings(
    site: Settings, services: Sequence[Service[Any]], wanted: SettingsOf
) -> Mapping[str, Mapping[str, str]]:
    """Return the site's settings of services, none where the recorded ones are wanted."""
    if wanted is SettingsOf.RECORDED:
        return {}
    return {service.name: roles.given(site, service.name) for service in services}


def in_replay(
    cluster: Cluster,
    registry: Registry,
    wanted: tuple[Settings, str, str | None],
    stop: Stop,
    *,
    wait: bool,
) -> Cast:
    """Return what runs a service in a replay; one that has not begun may be waited for.

    `wanted` are the site, the service and, of a worker, what stands in for the world. The settings
    of a service are the replay's. Raises `NoStandIn` for a worker without, `NotInvited`,
    `NoSuchReplay`.
    """
    site, name, stand_in = wanted
    replay = replay_of(cluster.namespace) or cluster.namespace
    services = consumers.services()
    rehearsing = None if stand_in is None else roles.cast(name, site, stand_in)
    if rehearsing is None and name not in services:
        raise NoStandIn(name, replay)
    found = await_invitation(cluster, registry, stop) if wait else invitation(cluster, registry)
    if stop.requested:
        raise typer.Exit(stop.exit_code)
    if found is None or not (rehearsing or name in found.services):
        raise NotInvited(name, replay)
    return rehearsing or roles.of_service(services[name], {})


def from_the_start(cluster: Cluster, seats: SeatStore, cast: Cast) -> None:
    """Let a worker that stands in carry out all that is asked in its replay, from the first on."""
    there = {(seat.service, seat.topic) for seat in seats.seats()}
    names = [topic.full_name(cluster.namespace) for topic in cast.reads]
    for name, real in topics.describe(cluster, names).items():
        for number in range(real.partitions) if (cast.name, name) not in there else ():
            seats.take(cast.name, (name, number), real.id, 0)


@dataclass(frozen=True, slots=True)
class Decided:
    """What services decided in a replay; `absent` have not handled all of it."""

    loop: str
    settings: str
    left_out: int
    ticks_added: Sequence[str]
    absent: Sequence[str]
    namespace: str
    comparison: Comparison | None

    @property
    def agrees(self) -> bool:
        """Whether nothing differs of what was compared."""
        return self.comparison is None or self.comparison.agrees

    def as_json(self) -> dict[str, Any]:
        """Return what the report says of decisions."""
        found = {} if self.comparison is None else self.comparison.as_json()
        return {
            "loop": self.loop,
            "settings": self.settings,
            "left_out": self.left_out,
            "ticks_added": list(self.ticks_added),
            "absent": list(self.absent),
            **found,
        }

    def lines(self) -> Iterator[str]:
        """Yield the same for people."""
        yield (
            f"Services decided in {'an' if self.loop == OPEN else 'a'} {self.loop} loop, by the "
            f"{self.settings} settings; {self.left_out:,} records of what services said then were "
            "left out."
        )
        if self.ticks_added:
            yield f"Ticks were added, one each second: there are none in {_all(self.ticks_added)}."
        if self.comparison is not None:
            yield from self.comparison.lines()
        if self.absent:
            names, have = " ".join(self.absent), "have" if self.absent[1:] else "has"
            run = f"evctl --namespace {self.namespace.rstrip('.')} run {names} --once"
            said = f"{_all(self.absent)} {have} not handled all of it"
            yield f"{said}: `{run}`, then `evctl verify` with --replay."


def recorded_and_anew(
    source: Cluster,
    target: Cluster,
    registry: Registry,
    site: Settings,
    window: Window,
    services: Sequence[str],
) -> Comparison:
    """Return how the decisions in a replay that is over agree; raise `NotDecided`."""
    database = open_database(site)
    awaited = concerned(source, target, registry, database, [window], services)
    with stopping() as stop:
        there = handled(target, database, awaited, stop, patience(site))
    database.close()
    if missing := [name for name in awaited if name not in there]:
        raise NotDecided(missing, target.namespace)
    return compared(source, target, registry, [window], there, _SHOWN)


def concerned(
    source: Cluster,
    target: Cluster,
    registry: Registry,
    database: Database,
    windows: Sequence[Window],
    services: Sequence[str],
) -> Sequence[str]:
    """Return the services that came to a replay, or decided then; all, if there is none."""
    decided = deciders(source, registry, windows, services)
    return sorted({*came(target, database, services), *decided}) or services


def _all(names: Sequence[str]) -> str:
    return ", ".join(names)


class Deciding:
    """The part of `evctl replay --services` beside the playing; `request` invites the services."""

    def __init__(
        self,
        cluster: Cluster,
        site: Settings,
        wanted: SettingsOf,
        request: Request,
        *,
        closed: bool = False,
    ) -> None:
        self._cluster, self._registry = cluster, Registry(cluster)
        self._target = claim(cluster, request.replay)
        self._lock_step: LockStep | None = None
        self._database = open_database(site)
        self._windows = [part for part in request.windows if isinstance(part, Window)]
        services = list(consumers.services().values())
        settings = present_settings(site, services, wanted)
        shelved = Shelved(cluster, Shelf(site.seals.directory, cluster.namespace).directory)
        with progress("what services knew", None) as advance:
            self._invited = invite(
                *(cluster, self._registry, services, settings, self._windows),
                *(shelved, advance, self._in_lock_step if closed else None),
            )
        self._invited.lay_out(self._database, self._target)
        self._said = self._invited.event(request.replay)
        self.request = replace(request, feed=self._invited.feed, invited=self._said)

    def _in_lock_step(self, stopped: Callable[[], bool]) -> LockStep:
        """Return the telescope that plays the workers in the replay, until it is stopped."""
        if self._lock_step is None:
            self._lock_step = LockStep(
                self._target,
                self._registry,
                self._said.replay,
                (OBSERVATORY.full_name(self._cluster.namespace), 0),
                stopped,
                Reminder(self._target.namespace, PATIENCE_S),
            )
        return self._lock_step

    def decided(self, stop: Stop, still: float) -> Decided:
        """Wait for the services, and compare what they decided."""
        if self._lock_step is not None:
            self._lock_step.close()
        cluster, registry, windows = self._cluster, self._registry, self._windows
        services = self._said.services
        names = concerned(cluster, self._target, registry, self._database, windows, services)
        there = handled(self._target, self._database, names, stop, still)
        found = None
        if there:
            found = compared(cluster, self._target, registry, windows, there, _SHOWN)
        self._database.close()
        return Decided(
            self._said.loop,
            self._said.settings,
            self._invited.reported.left_out,
            self._said.ticks_added,
            [name for name in names if name not in there],
            self._target.namespace,
            found,
        )
