"""Every service and worker that can be run, with its settings and its port to the world."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

import consumers
from consumers import Service, Worker
from infra import observation_numbers
from infra.boards import DirectoryBoard
from infra.namespaces import in_words, is_rehearsed, replay_of
from infra.scheduling.external import ExternalScheduler
from infra.serving.clocks import Clock, ReplayClock, TrueClock
from infra.serving.deciding import Decider
from infra.serving.keeping import Kept
from infra.serving.outputs import Outputs
from infra.serving.taking_over import Post, Role
from infra.serving.working import Around, Carrier
from infra.settings import Settings
from infra.telescope import port as telescope
from schemas.errors import EvctlError
from schemas.topics import Topic, topic


@dataclass(frozen=True, slots=True)
class Cast:
    """A service or worker ready to be run: its role, and the topics it reads and writes.

    `role` is made for the member of the group that runs it.
    """

    name: str
    role: Callable[[Around], Role]
    reads: Sequence[Topic]
    writes: Sequence[Topic]


def _notices(settings: Settings) -> DirectoryBoard:
    """Return the board of the worker `notices`."""
    given = settings.notices.directory
    return DirectoryBoard(given or settings.log.data_dir.parent / "notices")


def _external_scheduler(settings: Settings) -> ExternalScheduler:
    """Return the program that the worker `external_scheduler` calls."""
    given = settings.scheduler
    return ExternalScheduler(given.command, settings.shots.shot_file, given.timeout)


PORTS: Mapping[str, Callable[[Settings], Any]] = MappingProxyType(
    {
        "external_scheduler": _external_scheduler,
        "notices": _notices,
        "observation_numbers": observation_numbers.numbers,
        "shots": telescope.port,
    }
)
"""What each worker, by its module, touches the world through."""


def _stand_in_telescope(settings: Settings, text: str) -> Any:
    """Return the telescope of a rehearsal."""
    if text != telescope.SIMULATED:
        raise NoSuchStandIn("shots", text, telescope.SIMULATED)
    return telescope.simulated(settings)


STAND_INS: Mapping[str, Callable[[Settings, str], Any]] = MappingProxyType(
    {"observation_numbers": observation_numbers.throw_away, "shots": _stand_in_telescope}
)
"""What a worker may touch in a rehearsal instead, as the text of `--stand-in` says."""


class NoSuchStandIn(EvctlError):
    """Nothing of this name can stand in."""

    exit_code = 2

    def __init__(self, name: str, text: str, known: str) -> None:
        super().__init__(f"--stand-in {text} can't stand in for what {name} touches: {known} can.")
        self.name, self.text = name, text


class NeedsNoStandIn(EvctlError):
    """A stand-in is named where nothing could be harmed, or where all is to be real."""

    exit_code = 2

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"--stand-in is of no use with {name}: {reason}.")
        self.name = name


def names() -> Sequence[str]:
    """Return the names of all services and workers."""
    return sorted({*consumers.services(), *consumers.workers()})


def cast(name: str, settings: Settings, stand_in: str | None = None) -> Cast:
    """Return a service or worker of `names()` under a site's settings.

    A worker with a stand-in for the world takes the requests of a replay, too, by its clock.
    Raises `NoSuchStandIn`, `NeedsNoStandIn` and what its port does.
    """
    if stand_in is not None:
        return _rehearsing(name, settings, stand_in)
    services = consumers.services()
    if name in services:
        return of_service(services[name], given(settings, name))
    return of_worker(consumers.workers()[name](PORTS[name](settings)))


def _rehearsing(name: str, settings: Settings, stand_in: str) -> Cast:
    namespace = settings.log.namespace
    if name not in STAND_INS:
        raise NeedsNoStandIn(name, f"there are stand-ins for {', '.join(STAND_INS)}")
    if not (replay_of(namespace) or is_rehearsed(namespace)):
        reason = f"{in_words(namespace)} is no rehearsal's, such as mock.ID or replay.ID"
        raise NeedsNoStandIn(name, reason)
    worker = consumers.workers()[name](STAND_INS[name](settings, stand_in))
    return of_worker(worker, ReplayClock if replay_of(namespace) else TrueClock)


def of_service(service: Service[Any], settings: Mapping[str, str]) -> Cast:
    """Return what runs a service."""

    def post(source: str, epoch: int, first: int, outputs: Outputs, kept: Kept | None) -> Post:
        return Decider(service, source, epoch, first, outputs, kept)

    role = Role(service.name, service.version, service.layout, settings, post)
    return _cast(service, lambda _: role)


def of_worker(worker: Worker, clock: Callable[[], Clock] = TrueClock) -> Cast:
    """Return what runs a worker; each seat has a clock of its own."""

    def role(around: Around) -> Role:
        def post(source: str, epoch: int, first: int, outputs: Outputs, _: Kept | None) -> Post:
            return Carrier(worker, source, epoch, first, outputs, around, clock())

        return Role(worker.name, worker.version, worker.layout, {}, post)

    return _cast(worker, role)


def _cast(who: Service[Any] | Worker, role: Callable[[Around], Role]) -> Cast:
    return Cast(who.name, role, [topic(n) for n in who.reads], [topic(n) for n in who.writes])


def given(settings: Settings, service: str) -> Mapping[str, str]:
    """Return what a service gets of the settings, as text by name; empty where it has none."""
    found = getattr(settings, consumers.services()[service].section or service, None)
    if not isinstance(found, BaseModel):
        return {}
    return {name: as_text(value) for name, value in found.model_dump().items()}


def as_text(value: object) -> str:
    """Return a setting's value as records have it."""
    return str(value) if isinstance(value, Path | str) else repr(value)
