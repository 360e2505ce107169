"""A site with a bridge in this process, as far as the command line has no part in it."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from time import sleep
from typing import NamedTuple

from infra import clock
from infra.bridge.appending import Appender
from infra.bridge.inbox import Inbox
from infra.bridge.listening import Listener
from infra.bridge.recording import Recorder
from infra.bridge.serving import Server
from infra.bridge.sockets import Hearing, Speaking
from infra.bridge.wish import Wish
from infra.broker.errors import BrokerError
from infra.log import reading, topics
from infra.log.cluster import Cluster, connect
from infra.log.decoding import Decoder
from infra.log.errors import LogUnavailable
from infra.log.reading import Message
from infra.log.registry import Registry
from infra.settings import Settings
from infra.signals import Stop
from producers.tcs_names import Names
from schemas.record import AnyRecord
from schemas.topics import OBSERVATORY
from tests.waiting import until
from tests.zeromq_peers import Ear

_EVERY = Names()
_CALL, _LAST_CALL = [b"call", b""], [b"last call", b""]


class Site(NamedTuple):
    """A folder, and settings whose namespace is used by one test."""

    folder: Path
    settings: Settings

    @property
    def cluster(self) -> Cluster:
        """The log, as a client of its present broker."""
        return connect(self.settings)

    @property
    def words(self) -> list[str]:
        """The options that name it on the command line."""
        namespace = self.settings.log.namespace
        return ["--site-file", str(self.folder / "evctl-site.yaml"), "--namespace", namespace]

    def messages(self) -> list[Message]:
        """Return what is on `observatory`; nothing while that, or the log, is not there."""
        name = OBSERVATORY.full_name(self.settings.log.namespace)
        with suppress(LogUnavailable, BrokerError):
            cluster = self.cluster
            if name in topics.existing(cluster):
                spans = {at: [span] for at, span in reading.whole(cluster, [(name, 0)]).items()}
                return [message for batch in reading.messages(cluster, spans) for message in batch]
        return []

    def records(self) -> list[AnyRecord]:
        """Return the same, decoded."""
        decoder = Decoder(Registry(self.cluster))
        return [decoder.record(message) for message in self.messages()]

    def numbers(self) -> list[int]:
        """Return the value `n` of each event on the log."""
        return [record.event.values["n"] for record in self.records()]


class Recording(NamedTuple):
    """A bridge that records; `said` is its account."""

    stop: Stop
    thread: Thread
    recorder: Recorder
    faults: list[BaseException]

    def ended(self) -> str:
        """Ask it to end, wait for that, and return its account; raise what it raised."""
        if not self.stop.requested:
            self.stop.on_signal(signal.SIGTERM)
        self.thread.join(60)
        assert not self.thread.is_alive()
        if self.faults:
            raise self.faults.pop()
        return self.recorder.said()


@contextmanager
def recording(
    site: Site, *urls: str, names: Names = _EVERY, buffer: int = 64_000_000
) -> Iterator[Recording]:
    """Record what comes from the addresses while the block runs."""
    inbox, stop, faults = Inbox(buffer), Stop(), list[BaseException]()
    with Listener(Hearing(urls, names.prefixes), inbox) as listener:
        appender = Appender(site.settings, f"bridge.{clock.fresh_id()}")
        recorder = Recorder(inbox, listener, appender, names)
        thread = Thread(target=_noting(faults, lambda: recorder.run(stop)))
        running = Recording(stop, thread, recorder, faults)
        thread.start()
        try:
            yield running
        finally:
            running.ended()
    stop.close()


@contextmanager
def serving(site: Site, urls: Sequence[str], wish: Wish, *ears: Ear) -> Iterator[Server]:
    """Serve the log to listeners while the block runs; with `once`, until it is through."""
    stop, faults = Stop(), list[BaseException]()
    with Speaking(urls) as speaking:
        server = Server(site.settings, speaking, wish, stop)
        thread = Thread(target=_noting(faults, server.run))
        _attune(speaking, ears)
        thread.start()
        try:
            if not wish.replay:  # what comes from now on is what comes from here on
                until(lambda: server._next is not None or not thread.is_alive())
            yield server
        finally:
            if not wish.once:
                stop.on_signal(signal.SIGTERM)
            thread.join(60)
            assert not thread.is_alive()
            if faults:
                raise faults[0]
    stop.close()


def _attune(speaking: Speaking, ears: Sequence[Ear]) -> None:
    """Send until all ears hear: PUB can't tell who listens, and has to know of it first."""
    deaf = set(ears)

    def all_hear() -> bool:
        speaking.send(_CALL, sleep)
        deaf.difference_update([ear for ear in deaf if ear.socket.poll(20)])
        return not deaf

    until(all_hear)
    speaking.send(_LAST_CALL, sleep)
    for ear in ears:
        until(lambda ear=ear: ear.socket.recv_multipart() == _LAST_CALL)  # type: ignore[misc]


def _noting(faults: list[BaseException], work: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        try:
            work()
        except BaseException as fault:  # noqa: BLE001 raised again in the test's thread
            faults.append(fault)

    return run
