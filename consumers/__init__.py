"""What is decided and done: services decide on records, workers carry out what was decided.

A service is a file in `consumers` with a function `service() -> Service`, a worker one with
`worker(port) -> Worker`. Both are pure: no clock, no connection. `infra.serving` runs them, each
record's effects once, whatever dies in between.
"""

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Any, Generic, NamedTuple, Protocol, TypeVar
from uuid import UUID

from schemas.avro import fingerprint_of, schema_of
from schemas.record import AnyRecord

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Service(Generic[S]):
    """What decides: for each input partition, events as a function of the records before.

    `decide` gets the state before a record and returns the events that follow from it; `evolve`
    returns the state after a record. The record is folded first, then each event decided from it,
    as a record at the same position. Neither may raise for a record that the schema allows: one
    that does is answered with `DecisionFailed`, and the state stays.

    `initial` is the state before the first record: a frozen dataclass of fields that Avro can
    keep (`schemas.avro`), since it is written down every few seconds. `version` rises when
    `decide` or `evolve` change their minds; what was recorded under an older one is adopted.

    The settings of `section`, else of the one with the service's name, reach it as records
    `SettingsTookEffect`.

    `opening` returns what an instance says when it has taken over, and `closing` what it says when
    it is asked to end; both get the state and the true time, µs UTC, and come back as input.
    """

    name: str
    version: int
    reads: tuple[str, ...]
    """Topics, without namespace."""
    writes: tuple[str, ...]
    initial: S
    decide: Callable[[S, AnyRecord], Sequence[Any]]
    evolve: Callable[[S, AnyRecord], S]
    opening: Callable[[S, int], Any] | None = None
    closing: Callable[[S, int], Any] | None = None
    section: str = ""

    @property
    def layout(self) -> str:
        """Digest of version and state: a state that was kept under another is made anew."""
        return _layout(self.version, type(self.initial))


class Ticket(NamedTuple):
    """What a worker shows to the world: which request, and by which instance's right.

    The world refuses an epoch below one that it has seen, and a request that it has carried out.
    """

    request: UUID
    epoch: int


class Refused(Exception):
    """The world does not do it, and says why."""


class Away(Exception):
    """The world does not answer now; whether anything was done is open until it does."""


class Request(Protocol):
    """An event that a worker carries out; `valid_until` is in µs UTC."""

    @property
    def valid_until(self) -> int: ...


def _never(_: AnyRecord, __: AnyRecord, ___: int) -> None:
    return None


class Act(NamedTuple):
    """What a worker has at hand while it carries a request out.

    `now` returns the present, µs UTC. `tell` appends an event of the worker's `progress`, and
    returns when it is on the log. `stopped` returns why the act has to end early, None if it goes
    on; see `Worker.stops`.
    """

    ticket: Ticket
    now: Callable[[], int]
    tell: Callable[[Any], None]
    stopped: Callable[[], str | None]


@dataclass(frozen=True, slots=True)
class Worker:
    """What carries out requests, one after the other in each input partition.

    `started` is on the log before the world is touched; then `carry_out` touches it, through a
    port that the worker was made with, and returns what came of it; `Refused` becomes `failed`,
    unless `look` finds it done. After a crash in between, `look` asks the world first, and returns
    what came of it, or None if the request is still to be carried out. A request that is too late
    gets `expired`, if `look` finds nothing. Where the last argument is `now`, it is the present,
    µs UTC.

    While the world is `Away`, `carry_out` and `look` are called again until the request is of no
    use any more, or the worker is to end: so a port that raises it does a request once, however
    often it is asked.

    What is told between the beginning and the end of an act are events of the classes `progress`.
    `stops` gets the request in hand, a later record of the classes `heeds` and when the act began
    (µs UTC), and returns why the act has to end for it, or None.
    """

    name: str
    version: int
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    requests: tuple[type, ...]
    started: Callable[[AnyRecord, int], Any]
    carry_out: Callable[[AnyRecord, Act], Any]
    look: Callable[[AnyRecord, Ticket, Callable[[], int]], Any | None]
    failed: Callable[[AnyRecord, str, int], Any]
    expired: Callable[[AnyRecord, int], Any]
    progress: tuple[type, ...] = ()
    heeds: tuple[type, ...] = ()
    stops: Callable[[AnyRecord, AnyRecord, int], str | None] = _never

    @property
    def layout(self) -> str:
        """Digest of the version; a worker keeps no state."""
        return _layout(self.version, None)


def _layout(version: int, state: type | None) -> str:
    kept = fingerprint_of(schema_of(state)) if state is not None else 0
    return blake2b(f"{version}:{kept:x}".encode(), digest_size=8).hexdigest()


def services() -> Mapping[str, Service[Any]]:
    """Return every service by name, found by this folder."""
    return MappingProxyType({s.name: s for s in (m.service() for m in _rooms("service"))})


def workers() -> Mapping[str, Callable[[Any], Worker]]:
    """Return what makes each worker of its port, by the worker's module name."""
    return MappingProxyType({m.__name__.rpartition(".")[2]: m.worker for m in _rooms("worker")})


def _rooms(kind: str) -> Sequence[ModuleType]:
    modules = [import_module(m.name) for m in pkgutil.walk_packages(__path__, "consumers.")]
    return [module for module in modules if hasattr(module, kind)]
