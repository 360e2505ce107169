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
from infra.scheduling.external import ExternalScheduler
from infra.serving.deciding import Decider
from infra.serving.keeping import Kept
from infra.serving.outputs import Outputs
from infra.serving.taking_over import Post, Role
from infra.serving.working import Around, Carrier
from infra.settings import Settings
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
    }
)
"""What each worker, by its module, touches the world through."""


def names() -> Sequence[str]:
    """Return the names of all services and workers."""
    return sorted({*consumers.services(), *consumers.workers()})


def cast(name: str, settings: Settings) -> Cast:
    """Return a service or worker of `names()` under a site's settings."""
    services = consumers.services()
    if name in services:
        return of_service(services[name], given(settings, name))
    return of_worker(consumers.workers()[name](PORTS[name](settings)))


def of_service(service: Service[Any], settings: Mapping[str, str]) -> Cast:
    """Return what runs a service."""

    def post(source: str, epoch: int, first: int, outputs: Outputs, kept: Kept | None) -> Post:
        return Decider(service, source, epoch, first, outputs, kept)

    role = Role(service.name, service.version, service.layout, settings, post)
    return _cast(service, lambda _: role)


def of_worker(worker: Worker) -> Cast:
    """Return what runs a worker."""

    def role(around: Around) -> Role:
        def post(source: str, epoch: int, first: int, outputs: Outputs, _: Kept | None) -> Post:
            return Carrier(worker, source, epoch, first, outputs, around)

        return Role(worker.name, worker.version, worker.layout, {}, post)

    return _cast(worker, role)


def _cast(who: Service[Any] | Worker, role: Callable[[Around], Role]) -> Cast:
    return Cast(who.name, role, [topic(n) for n in who.reads], [topic(n) for n in who.writes])


def given(settings: Settings, service: str) -> Mapping[str, str]:
    """Return what a service gets of the settings, as text by name; empty where it has none."""
    found = getattr(settings, consumers.services()[service].section or service, None)
    if not isinstance(found, BaseModel):
        return {}
    return {name: _text(value) for name, value in found.model_dump().items()}


def _text(value: object) -> str:
    return str(value) if isinstance(value, Path | str) else repr(value)
