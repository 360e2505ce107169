"""The periodic task that removes records their topics do not keep."""

import asyncio
import logging

from infra.broker.cleaning import rewriting, trimming
from infra.broker.storage.disk import Disk
from infra.broker.storage.partition import Partition
from infra.broker.storage.topics import Topics
from infra.clock import utc_micros

_LOG = logging.getLogger(__name__)
INTERVAL_S = 15.0  # Kafka's log.cleaner.backoff.ms


class Cleaner:
    """Goes through all partitions again and again: retention, then compaction, one at a time."""

    def __init__(self, topics: Topics, disk: Disk, interval_s: float) -> None:
        self._topics = topics
        self._disk = disk
        self._interval_s = interval_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin, on the event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            topics = list(self._topics.by_name.values())
            for partition in [p for topic in topics for p in topic.partitions]:
                await self._clean(partition)

    async def _clean(self, partition: Partition) -> None:
        """Clean one log; an error there does not keep the others from it."""
        now_ms = utc_micros() // 1000
        try:
            await self._disk.to_its_end(trimming.retain(partition, now_ms))
            await rewriting.compact(partition, now_ms)
        except OSError as error:
            _LOG.warning("%s could not be cleaned: %s", partition.name, error)
        except Exception:  # noqa: BLE001  the loop goes on, whatever is wrong with one log
            _LOG.exception("%s could not be cleaned", partition.name)

    async def close(self) -> None:
        """End; a segment that is being put in place gets there."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._disk.work_done()
