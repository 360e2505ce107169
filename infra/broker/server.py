"""The broker: what it holds, how it starts, when it ends."""

import asyncio
import errno
import importlib
import logging
import resource
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from os import getpid
from pathlib import Path

from infra.broker import auth, ownership
from infra.broker.cleaning.cleaner import INTERVAL_S, Cleaner
from infra.broker.cleaning.scrub import Pace, Scrub
from infra.broker.errors import PortInUse
from infra.broker.groups.offsets import CommittedOffsets
from infra.broker.groups.registry import Groups
from infra.broker.ownership import Lock, Owner
from infra.broker.protocol.codec_lookup import Cluster
from infra.broker.protocol.frames import Connection
from infra.broker.protocol.limits import Limits
from infra.broker.storage.disk import Disk
from infra.broker.storage.producer_ids import ProducerIds
from infra.broker.storage.topics import Topics
from infra.broker.transactions.coordinator import Coordinator

_LOG = logging.getLogger(__name__)
HOST = "127.0.0.1"
FREE_SPACE_FLOOR = 256_000_000


@dataclass(frozen=True, slots=True)
class Options:
    """How a broker is run; port 0 means any free one, `linger_s` null means it stays."""

    data_dir: Path
    port: int = 0
    linger_s: float | None = None
    free_space_floor: int = FREE_SPACE_FLOOR
    scrub: Pace = field(default_factory=Pace)
    cleaning_interval_s: float = INTERVAL_S


class Broker:
    """Everything one broker process holds; `run` serves until a signal or until nobody is left."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.data_dir = options.data_dir
        ownership.prepare(self.data_dir)
        self._lock = Lock(self.data_dir)
        self._cluster_id = ownership.cluster_id(self.data_dir)
        self.token: str = auth.token(self.data_dir)
        self.producer_ids: ProducerIds = ProducerIds(self.data_dir)
        self.disk: Disk = Disk(self.data_dir, options.free_space_floor)
        self.topics: Topics = Topics(self.data_dir, self.disk)
        self.offsets: CommittedOffsets = CommittedOffsets(self.data_dir)
        self.groups: Groups = Groups(self.data_dir, self.offsets)
        self.coordinator: Coordinator = Coordinator(
            self.data_dir, self.topics, self.offsets, self.producer_ids, self.disk
        )
        self.cluster: Cluster = Cluster(self._cluster_id, HOST, options.port)
        self.limits: Limits = Limits()
        self._scrub = Scrub(self.data_dir, self.topics, options.scrub)
        self._cleaner = Cleaner(self.topics, self.disk, options.cleaning_interval_s)
        self._connections: set[Connection] = set()
        self._linger_s = options.linger_s
        self._linger: asyncio.TimerHandle | None = None
        self._ended: asyncio.Event = asyncio.Event()

    async def run(self, ready: Callable[[Owner], None]) -> None:
        """Serve; `ready` is called once, when clients can connect."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ended.set)
        loop.add_signal_handler(signal.SIGUSR1, self.stay)
        _allow_open_files()
        began = loop.time()
        self.topics.open()
        opened_s = loop.time() - began
        self.groups.open()
        await self.coordinator.open()
        server = await self._listen()
        self._tell()
        ready(self._owner())
        _LOG.info(
            "serving %s on %s:%d, %d topics opened in %.3f s",
            self.data_dir,
            HOST,
            self.cluster.port,
            len(self.topics.by_name),
            opened_s,
        )
        warm = loop.run_in_executor(self.disk.threads, _import_cold_codec)
        self.disk.all_opened()
        self._scrub.start()
        self._cleaner.start()
        self._begin_linger()
        await self._ended.wait()
        await warm
        await self._end(server)

    async def _listen(self) -> asyncio.Server:
        """Listen on the port asked for; without one, where the last broker of the directory did.

        So clients that have lost a broker find the next one without being told.
        """
        server = None
        if not self.options.port:
            server = await self._listen_on(ownership.last_port(self.data_dir))
        if server is None:
            server = await self._listen_on(self.options.port)
        if server is None:
            raise PortInUse(HOST, self.options.port)
        port = server.sockets[0].getsockname()[1]
        ownership.keep_port(self.data_dir, port)
        self.cluster = Cluster(self._cluster_id, HOST, port)
        return server

    async def _listen_on(self, port: int) -> asyncio.Server | None:
        """Return the listening server, or null where the port is another's."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.create_server(lambda: Connection(self), HOST, port, backlog=512)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return None
            raise

    def _owner(self) -> Owner:
        return Owner(getpid(), HOST, self.cluster.port, self._linger_s)

    def _tell(self) -> None:
        self._lock.tell(self._owner())

    async def _end(self, server: asyncio.Server) -> None:
        """Let nobody find this broker any more, then put everything on the disk."""
        self._lock.tell(None)
        server.close()
        for connection in list(self._connections):
            connection.close()
        self.groups.close()
        await self._scrub.stop()
        await self._cleaner.close()
        await self.coordinator.close()
        await self.topics.close()
        await self.disk.close()
        self.offsets.close()
        _LOG.info("ended")
        self._lock.release()

    def connected(self, connection: Connection) -> None:
        """Count a client."""
        self._connections.add(connection)
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None

    def disconnected(self, connection: Connection) -> None:
        """Count a client that left."""
        self._connections.discard(connection)
        self._begin_linger()

    def _begin_linger(self) -> None:
        if self._linger_s is not None and not self._connections:
            loop = asyncio.get_running_loop()
            self._linger = loop.call_later(self._linger_s, self._end_if_alone)

    def _end_if_alone(self) -> None:
        if not self._connections and self._linger_s is not None:
            _LOG.info("nobody was connected for %g s", self._linger_s)
            self._ended.set()

    def stay(self) -> None:
        """Stay until stopped, though started to end with the last connection."""
        self._linger_s = None
        self._tell()


def _import_cold_codec() -> None:
    """Import kio in a thread: it takes 0.1 s, which no client should wait for."""
    importlib.import_module("infra.broker.protocol.codec_cold")


def _allow_open_files() -> None:
    """Allow as many open files as the system lets this process have: each segment is one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
