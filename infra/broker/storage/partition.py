"""A partition on the event loop: acks that wait for the disk, readers that wait for records."""

import asyncio
import logging
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from infra.broker.errors import Code, ProtocolError
from infra.broker.protocol.codec_data import Produced
from infra.broker.storage.boundaries import Boundaries
from infra.broker.storage.checkpoint import sync_and_close
from infra.broker.storage.disk import Disk
from infra.broker.storage.log import Appended, PartitionLog, Tail
from infra.broker.storage.log_settings import LogSettings
from infra.broker.storage.markers import MARKER_SIZE
from infra.clock import utc_micros

if TYPE_CHECKING:
    from infra.broker.handlers.fetching import Fetch

_LOG = logging.getLogger(__name__)
SYNC_BYTES = 16 << 20  # appended to a log between two synced checkpoints
_LONGEST_TIMER_S = 24 * 3600.0  # Kafka's "never" is too long for a timer


class Bounds(NamedTuple):
    """What readers see of a partition; a fetch's isolation level is the place of its end."""

    high_watermark: int
    last_stable: int
    log_start: int


class Partition:
    """One log with those who wait for it.

    `waiting` has the fetches that wait for records of the topic, `nothing` the packed answers to
    fetches at its end, by kind of answer.
    """

    def __init__(self, topic: str, index: int, log: PartitionLog, disk: Disk) -> None:
        self.topic = topic
        self.index = index
        self.log = log
        self.waiting: set[Fetch] = set()
        self.nothing: dict[int, bytes] = {}
        self.bounds = self._moved()
        self.disk = disk
        self.cleaning = asyncio.Lock()  # held while the log loses or changes segments
        self.rewriting: asyncio.subprocess.Process | None = None
        self.uncleanable: str | None = None  # why it is no longer compacted
        self._unsynced_records = 0
        self._unacked: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._sync: asyncio.Task[None] | None = None
        self._flush_timer: asyncio.TimerHandle | None = None
        self._held = False  # producers and readers wait for the sync
        self._broken: str | None = None

    @property
    def broken(self) -> bool:
        """Whether the log accepts nothing more."""
        return self._broken is not None

    @property
    def name(self) -> str:
        """Topic and index as people write them."""
        return f"{self.topic}[{self.index}]"

    def append(self, batch: memoryview) -> tuple[Produced, asyncio.Future[None] | None]:
        """Append a batch; the future, if there is one, ends when the batch is on the disk.

        The future raises `ProtocolError` if the disk refuses to sync.
        """
        try:
            appended = self._append(batch)
        except ProtocolError as refused:
            return Produced(self.index, refused.code, message=refused.message), None
        produced = Produced(self.index, Code.NONE, appended.base_offset, self.log.start_offset)
        return produced, self._acked(appended)

    def append_marker(self, pid: int, epoch: int, *, commit: bool) -> asyncio.Future[None] | None:
        """End a producer's transaction here; the future is that of `append`.

        The floor of free space does not hinder it: it lets readers go on. Raises `ProtocolError`
        if the disk refuses.
        """
        self._check_unbroken()
        before = self.log.end_offset
        try:
            now_ms = utc_micros() // 1000
            appended = self.log.append_marker(pid, epoch, commit=commit, now_ms=now_ms)
        except OSError as error:
            raise self._refused(before, error) from error
        self._note(before, MARKER_SIZE)
        return self._acked(appended)

    def end_transaction(
        self, pid: int, epoch: int, end: int, *, commit: bool
    ) -> asyncio.Future[None] | None:
        """Append the marker, unless it lies there already, at offset `end` or later."""
        self._check_unbroken()
        if not self.log.producers.needs_marker(pid, epoch, end):
            return None
        return self.append_marker(pid, epoch, commit=commit)

    def _acked(self, appended: Appended) -> asyncio.Future[None] | None:
        if appended.next_offset <= self.log.high_watermark:
            return None
        acked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._unacked.append((appended.next_offset, acked))
        return acked

    def _append(self, batch: memoryview) -> Appended:
        self._check_unbroken()
        self.disk.admit()
        before = self.log.end_offset
        try:
            appended = self.log.append(batch, utc_micros() // 1000)
        except OSError as error:
            raise self._refused(before, error) from error
        if not appended.duplicate:
            self._note(before, len(batch))
        return appended

    def _check_unbroken(self) -> None:
        if self._broken is not None:
            raise ProtocolError(Code.KAFKA_STORAGE_ERROR, self._broken)

    def _refused(self, offset: int, error: OSError) -> ProtocolError:
        _LOG.error("%s@%d: the disk refuses a batch: %s", self.name, offset, error)
        return ProtocolError(
            Code.KAFKA_STORAGE_ERROR, f"the disk refuses to write {self.name}: {error.strerror}"
        )

    def _note(self, before: int, size: int) -> None:
        """Take account of what was written from offset `before` on."""
        self.disk.appended(self.log, self.name, size)
        self._unsynced_records += self.log.end_offset - before
        self._settle()

    def _settle(self) -> None:
        """Show the new records to readers at once, or after a sync if the topic asks for one."""
        if self._unsynced_records >= self.log.settings.flush_messages:
            self._held = True
        if self._held:
            self._start_sync()
            return
        self._show(self.log.tail())
        if self.log.since_synced >= SYNC_BYTES and self.log.has_rolled:
            self._start_sync()  # a log that is never flushed must not grow unvouched for ever
        elif self._flush_timer is None:
            self._begin_flush_timer()

    def _begin_flush_timer(self) -> None:
        loop = asyncio.get_running_loop()
        delay_s = min(self.log.settings.flush_ms / 1000, _LONGEST_TIMER_S)
        self._flush_timer = loop.call_later(delay_s, self._start_sync)

    def _show(self, tail: Tail) -> None:
        """Let readers see, and producers know, what lies before `tail`."""
        if tail.offset > self.log.high_watermark:
            self.log.reveal(tail)
            self.bounds = self._moved()
        while self._unacked and self._unacked[0][0] <= tail.offset:
            acked = self._unacked.popleft()[1]
            if not acked.done():
                acked.set_result(None)
        self._wake()

    def begin_at(self, boundaries: Boundaries) -> None:
        """Obey boundaries, which are on the disk, and tell readers of the new start."""
        self.log.begin_at(boundaries)
        self.bounds = self._moved()

    def _moved(self) -> Bounds:
        """Return the bounds that readers see now; answers packed for others are forgotten."""
        self.nothing.clear()
        log = self.log
        return Bounds(log.high_watermark, log.last_stable_offset, log.start_offset)

    def _wake(self) -> None:
        for fetch in self.waiting:
            fetch.notify(self)

    def _start_sync(self) -> None:
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        if self._sync is None and self._broken is None:
            self._sync = asyncio.get_running_loop().create_task(self._sync_all())

    async def vouch(self) -> None:
        """Write a synced checkpoint as soon as no sync is under way; a disk may refuse it."""
        while self._sync is not None:
            await asyncio.wait([self._sync])
        if self._broken is None:
            self._sync = asyncio.get_running_loop().create_task(self._sync_all(vouch=True))
            await asyncio.wait([self._sync])

    async def _sync_all(self, *, vouch: bool = False) -> None:
        """Sync; while producers wait, whatever they append meanwhile shares the next round."""
        try:
            await self._sync_once()
            while self._held and self._unsynced_records:
                await self._sync_once()
            self._held = False
            if (vouch or self.log.since_synced >= SYNC_BYTES) and self._broken is None:
                await self._vouch()
        except OSError as error:
            self._break(error)
        finally:
            self._sync = None
        if self._held:
            self._start_sync()  # the threshold was reached again while the log was vouched for
        elif self._unsynced_records and self._broken is None:
            self._begin_flush_timer()

    async def _sync_once(self) -> None:
        self._unsynced_records = 0
        tail, fds = self.log.tail(), self.log.unsynced()
        await self.disk.run(partial(sync_and_close, fds))
        self._show(tail)

    async def _vouch(self) -> None:
        """Write a synced checkpoint; without one the last stays valid, and a start reads more."""
        try:
            job = self.log.synced_checkpoint(utc_micros() // 1000)
            await self.disk.run(job.run)
            self.log.vouched(job)
        except OSError as error:
            _LOG.warning("no synced checkpoint of %s: %s", self.name, error)

    def _break(self, error: OSError) -> None:
        """After a failed sync the kernel may have dropped the data: nothing more is promised."""
        self._broken = (
            f"{self.name} could not be synced ({error.strerror}): it accepts no records until the "
            "disk is mended and the broker started again"
        )
        _LOG.error("%s", self._broken)
        self._refuse_unacked(ProtocolError(Code.KAFKA_STORAGE_ERROR, self._broken))

    def _refuse_unacked(self, refused: ProtocolError) -> None:
        while self._unacked:
            acked = self._unacked.popleft()[1]
            if not acked.done():
                acked.set_exception(refused)

    async def abandon(self) -> None:
        """Let go of a log that is deleted, once no thread works on it."""
        self._broken = f"{self.name} was deleted"
        self._unsynced_records = 0
        self.disk.forget(self.log)
        self._refuse_unacked(ProtocolError(Code.UNKNOWN_TOPIC_OR_PARTITION, self._broken))
        if self._flush_timer is not None:
            self._flush_timer.cancel()
        self._wake()
        if self._sync is not None:
            await asyncio.wait([self._sync])
        if self.rewriting is not None and self.rewriting.returncode is None:
            self.rewriting.kill()
            await self.rewriting.wait()
        async with self.cleaning:
            self.log.close()

    def obey(self, settings: LogSettings) -> None:
        """Let new settings count at once."""
        self.log.settings = settings
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._begin_flush_timer()

    async def close(self) -> None:
        """Put everything on the disk, so that the next start need not read it again."""
        while self._sync is not None:
            await asyncio.wait([self._sync])
        if self._unsynced_records and self._broken is None:
            self._start_sync()
            await self.close()
        elif self.log.since_synced and self._broken is None:
            await self._vouch()
