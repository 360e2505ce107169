"""A partition on the event loop: acks that wait for the disk, readers that wait for records."""

import asyncio
import logging
from collections import deque
from functools import partial

from infra.broker.checkpoint import sync_and_close
from infra.broker.codec_data import Produced
from infra.broker.disk import Disk
from infra.broker.errors import Code, ProtocolError
from infra.broker.log import Appended, PartitionLog
from infra.clock import utc_micros

_LOG = logging.getLogger(__name__)


class Partition:
    """One log with those who wait for it."""

    def __init__(self, topic: str, index: int, log: PartitionLog, disk: Disk) -> None:
        self.topic = topic
        self.index = index
        self.log = log
        self.waiters: set[asyncio.Future[None]] = set()
        self._disk = disk
        self._unsynced_records = 0
        self._unacked: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._sync: asyncio.Task[None] | None = None
        self._flush_timer: asyncio.TimerHandle | None = None
        self._broken: str | None = None

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
        if appended.next_offset <= self.log.high_watermark:
            return produced, None
        acked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._unacked.append((appended.next_offset, acked))
        return produced, acked

    def _append(self, batch: memoryview) -> Appended:
        if self._broken is not None:
            raise ProtocolError(Code.KAFKA_STORAGE_ERROR, self._broken)
        self._disk.admit()
        before = self.log.end_offset
        try:
            appended = self.log.append(batch, utc_micros() // 1000)
        except OSError as error:
            _LOG.error("%s@%d: the disk refuses a batch: %s", self.name, before, error)
            raise ProtocolError(
                Code.KAFKA_STORAGE_ERROR, f"the disk refuses to write {self.name}: {error.strerror}"
            ) from error
        if not appended.duplicate:
            self._disk.appended(self.log, self.name, len(batch))
            self._unsynced_records += appended.next_offset - before
            self._settle()
        return appended

    def _settle(self) -> None:
        """Show the new records to readers at once, or after a sync if the topic asks for one."""
        settings = self.log.settings
        if self._sync is not None or self._unsynced_records >= settings.flush_messages:
            self._start_sync()
            return
        self._reveal()
        if self._flush_timer is None:
            loop = asyncio.get_running_loop()
            self._flush_timer = loop.call_later(settings.flush_ms / 1000, self._start_sync)

    def _reveal(self) -> None:
        self.log.reveal(self.log.tail())
        self._wake()

    def _wake(self) -> None:
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _start_sync(self) -> None:
        if self._sync is None and self._broken is None:
            self._sync = asyncio.get_running_loop().create_task(self._sync_all())

    async def _sync_all(self) -> None:
        """Sync until nothing waits; whatever is appended meanwhile shares the next round."""
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        try:
            while self._unsynced_records:
                self._unsynced_records = 0
                tail, fds = self.log.tail(), self.log.unsynced()
                await self._disk.run(partial(sync_and_close, fds))
                self.log.reveal(tail)
                self._ack(tail.offset)
        except OSError as error:
            self._break(error)
        finally:
            self._sync = None

    def _ack(self, offset: int) -> None:
        while self._unacked and self._unacked[0][0] <= offset:
            acked = self._unacked.popleft()[1]
            if not acked.done():
                acked.set_result(None)
        self._wake()

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

    def abandon(self) -> None:
        """Let go of a log that is deleted; a sync that runs has its own descriptors."""
        self._broken = f"{self.name} was deleted"
        self._unsynced_records = 0
        self._disk.forget(self.log)
        self._refuse_unacked(ProtocolError(Code.UNKNOWN_TOPIC_OR_PARTITION, self._broken))
        if self._flush_timer is not None:
            self._flush_timer.cancel()
        self._wake()
        self.log.close()

    async def sync(self) -> None:
        """Wait until everything appended is on the disk."""
        if self._unsynced_records:
            self._start_sync()
        if self._sync is not None:
            await self._sync
