"""Where the log is, and how clients of it are configured."""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from time import monotonic
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient

from infra.broker import control
from infra.log import codes
from infra.log.errors import LogUnavailable
from infra.settings import Fault, Settings, SettingsError

_C = TypeVar("_C")
OnDelivery = Callable[[KafkaError | None, Message], None]

EMBEDDED = "embedded"
ANSWER_TIMEOUT_S = 10.0
"""How long a command waits for a log that does not answer before it says so."""

_STOOD_STILL_S = ANSWER_TIMEOUT_S + 2
"""No question waits so long: who did was stopped (SIGSTOP, a machine asleep)."""

_CALL_TIMEOUT_S = 2.0

_HARDLY_ANY = 4 * 1024 * 1024
"""Less free space (bytes) may be too little for one batch."""

_LOGGER = logging.getLogger("evctl.log")
_LOGGER.addHandler(logging.NullHandler())  # librdkafka's lines are for those who ask for them

_CLIENT = {
    "client.id": "evctl",
    "log_level": 2,  # what matters comes by the error callback; the rest repeats while we reconnect
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 500,
    "socket.nagle.disable": True,
}
_PRODUCER = {
    "enable.idempotence": True,
    "partitioner": "murmur2_random",  # as Java's, so that every client agrees on a key's partition
    "compression.type": "lz4",
    "message.max.bytes": 104_857_600,  # each topic has a smaller limit of its own
    "queue.buffering.max.kbytes": 131_072,
    "queue.buffering.max.messages": 100_000,
    "delivery.report.only.error": True,
    "log_level": 1,  # what ends a producer is told by our own error
}
_IN_ORDER = {
    "message.timeout.ms": 0,  # a record that expires leaves a hole in front of the next ones
    "enable.gapless.guarantee": True,  # one that is refused ends the producer, for the same reason
}
_PATIENCE_MS = ("message.timeout.ms", "delivery.timeout.ms")
"""Two names of one option. What a site gives for it is our own deadline, see `Cluster.patience`."""

_CONSUMER = {
    "check.crcs": True,  # librdkafka's default is to hand altered bytes on
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",  # a hole is a named failure, never skipped
    "enable.partition.eof": False,
    "fetch.queue.backoff.ms": 10,  # the default, 1 s, makes reading ten times slower
    "queued.max.messages.kbytes": 65_536,
    "fetch.message.max.bytes": 4_194_304,
    "fetch.wait.max.ms": 200,
}


class RegistryAddress(NamedTuple):
    """Where an external schema registry is: its API's URL, a user, and a file with its CA."""

    url: str
    user: str | None = None
    password: str = ""
    ca: str | None = None

    def __repr__(self) -> str:
        return f"RegistryAddress({self.url!r})"


@dataclass(slots=True)
class Cluster:
    """A log: its bootstrap servers, our namespace in it, and clients of it.

    `registry` is where its schemas are, if not on its own topic. `down_since` is the monotonic time
    since when no broker has answered, or none. `disk` is where an embedded broker keeps the log,
    and below how much free space it refuses records, in bytes.
    """

    servers: str
    namespace: str
    options: Mapping[str, Any]
    disk: tuple[Path, int] | None = None
    registry: RegistryAddress | None = None
    down_since: float | None = None
    _reason: str = field(default="", repr=False)
    _admin: AdminClient | None = field(default=None, repr=False)

    def in_namespace(self, namespace: str) -> "Cluster":
        """Return the same log, seen with another namespace."""
        admin = self.admin()
        return Cluster(
            self.servers, namespace, self.options, self.disk, self.registry, _admin=admin
        )

    def __reduce__(self) -> tuple[type["Cluster"], tuple[Any, ...]]:
        """Go to another process as what names the log: clients can't."""
        return Cluster, (self.servers, self.namespace, self.options, None, self.registry)

    def producer(self, on_failure: OnDelivery | None = None, **overrides: Any) -> Producer:
        """Return a producer: idempotent, all replicas acknowledged, memory bounded.

        `on_failure` is called for each record that was not acknowledged. Options of librdkafka
        are written with underscores: `linger_ms=0`. Records never expire, and the log takes none
        behind one that failed; who waits for them has to keep a deadline (`patience`).
        """
        own = {} if on_failure is None else {"on_delivery": on_failure}
        return self._made(Producer, _PRODUCER | own, overrides, _IN_ORDER)

    def consumer(self, **overrides: Any) -> Consumer:
        """Return a consumer; without `group.id` it is for `assign` and commits nothing."""
        return self._made(Consumer, _CONSUMER | {"group.id": "evctl.unnamed"}, overrides)

    def admin(self) -> AdminClient:
        """Return the admin client, made once: it takes 20 ms to connect."""
        if self._admin is None:
            self._admin = self._made(AdminClient)
        return self._admin

    def try_options(self) -> None:
        """Make a client of each kind; raise `SettingsError` where one refuses the options."""
        self.admin()
        self.consumer().close()
        self.producer()
        _ = self.patience

    def _made(self, kind: Callable[[dict[str, Any]], _C], *layers: Mapping[str, Any]) -> _C:
        try:
            return kind(self._config(self.options, *layers))
        except (KafkaException, TypeError) as fault:
            error = fault.args[0]
            if isinstance(error, KafkaError) and error.code() != codes.INVALID_ARGUMENT:
                raise
            reason = error.str() if isinstance(error, KafkaError) else str(error)
            raise _refused(self._blamed(kind, *layers), reason.strip()) from fault

    def _blamed(self, kind: Callable[[dict[str, Any]], object], *layers: Mapping[str, Any]) -> str:
        """Return the option without which the client can be made: errors use other names."""
        for name in self.options:
            with suppress(KafkaException, TypeError):
                others = {key: value for key, value in self.options.items() if key != name}
                kind(self._config(others, *layers))
                return name
        return ""

    @property
    def patience(self) -> float:
        """How long records may wait while the log takes none, in s; infinity for ever."""
        for name in _PATIENCE_MS:
            if name in self.options:
                given = str(self.options[name])
                if not given.isdecimal():
                    raise _refused(name, f"{given!r} is no whole number of ms (0: no limit)")
                return int(given) / 1000 or inf
        return 30.0

    def _config(
        self,
        options: Mapping[str, Any],
        own: Mapping[str, Any] = MappingProxyType({}),
        overrides: Mapping[str, Any] = MappingProxyType({}),
        fixed: Mapping[str, Any] = MappingProxyType({}),
    ) -> dict[str, Any]:
        """Return a client's configuration: our own, a site's options, what it can't change."""
        named = {key.replace("_", "."): value for key, value in overrides.items()}
        return {
            **_CLIENT,
            **own,
            "bootstrap.servers": self.servers,
            "logger": _LOGGER,
            "error_cb": self._note,
            **{key: value for key, value in options.items() if key not in _PATIENCE_MS},
            **fixed,
            **named,
        }

    def _note(self, error: KafkaError) -> None:
        if error.str().startswith("GroupCoordinator"):
            return  # cut whenever a consumer closes early; the other connections tell of faults
        known = self.down_since is not None
        if error.code() in {codes.ALL_BROKERS_DOWN, codes.AUTHENTICATION}:
            self.down_since = self.down_since or monotonic()
            self._reason = error.str()
        _LOGGER.log(logging.DEBUG if known else logging.INFO, "%s: %s", error.name(), error.str())

    def answered(self) -> None:
        """Note that a broker has just answered."""
        self.down_since = None

    def check(self, timeout: float = ANSWER_TIMEOUT_S) -> None:
        """Raise `LogUnavailable` if no broker has answered for `timeout` s, nor does it now."""
        if self.down_since is not None and monotonic() - self.down_since > timeout:
            self._call()

    def _call(self) -> None:
        """Ask for an answer: a broker may be back that had nothing to say since."""
        try:
            self.admin().list_topics(timeout=_CALL_TIMEOUT_S)
        except KafkaException:
            raise LogUnavailable(self.servers, self._reason) from None
        self.answered()

    def leave(self, consumer: Consumer) -> None:
        """Close a member of a group; where no broker answers, without waiting a minute for one."""
        if self.down_since is None:
            consumer.close()

    def refusal(self) -> str | None:
        """Say why an embedded broker takes no records, where its disk is full: clients can't tell.

        They hear of an error that may pass, and try until the record is too old.
        """
        if self.disk is None:
            return None
        from infra.broker.storage import disk  # noqa: PLC0415 (asyncio, which few commands need)

        path, floor = self.disk
        free = disk.free_space(path)
        return disk.low_space(path, free, floor) if free < max(floor, _HARDLY_ANY) else None

    def ask(self, question: Callable[[], Any]) -> Any:
        """Return the answer to a client's question; `LogUnavailable` where there is none.

        It is asked once more where this process was stopped while it waited.
        """
        began = monotonic()
        try:
            answer = question()
        except KafkaException as fault:
            error = fault.args[0]
            if isinstance(error, KafkaError) and error.code() in codes.AWAY:
                if monotonic() - began > _STOOD_STILL_S:
                    return self.ask(question)
                self.down_since = self.down_since or monotonic()
                raise LogUnavailable(self.servers, self._reason or error.str()) from fault
            raise
        self.answered()
        return answer


def _refused(option: str, reason: str) -> SettingsError:
    return SettingsError([Fault("", f"log.client.{option}".rstrip("."), reason)])


def connect(settings: Settings, *, start: bool = True) -> Cluster:
    """Return the log that the settings name.

    Where that is the embedded one and none runs, one is started, which ends itself a while after
    its last connection; with `start` false that is `LogUnavailable`.
    """
    log = settings.log
    options, registry = log.client_options(), registry_address(settings)
    if log.bootstrap_servers != EMBEDDED:
        return Cluster(log.bootstrap_servers, log.namespace, options, registry=registry)
    endpoint = control.find(log.data_dir)
    if endpoint is None:
        if not start:
            raise LogUnavailable(str(log.data_dir), "no embedded broker runs on this directory")
        linger = settings.broker.linger
        endpoint = control.start(
            log.data_dir,
            port=settings.broker.port,
            linger_s=linger,
            free_space_floor=settings.broker.free_space_floor,
        )
    access = endpoint.client_config()
    servers, disk = (
        access.pop("bootstrap.servers"),
        (log.data_dir, settings.broker.free_space_floor),
    )
    return Cluster(servers, log.namespace, {**access, **options}, disk, registry)


def registry_address(settings: Settings) -> RegistryAddress | None:
    """Return where the external schema registry is, if there is one; raises `SecretMissing`."""
    log = settings.log
    if log.schema_registry is None:
        return None
    password = log.schema_registry_password
    ca = None if log.schema_registry_ca is None else str(log.schema_registry_ca)
    revealed = "" if password is None else password.reveal()
    return RegistryAddress(log.schema_registry, log.schema_registry_user, revealed, ca)
