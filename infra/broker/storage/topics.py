"""The topics of the broker and their partitions, kept in one file beside the logs."""

import asyncio
import json
import logging
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from infra.broker.errors import BrokerError, Code, ProtocolError
from infra.broker.storage import alterations, files, power_loss, topic_config
from infra.broker.storage.alterations import Alteration
from infra.broker.storage.disk import Disk
from infra.broker.storage.log import PartitionLog
from infra.broker.storage.partition import Partition
from infra.broker.storage.recovery import open_log
from infra.clock import fresh_id, utc_micros

if TYPE_CHECKING:
    from infra.broker.handlers.fetching import Fetch

_LOG = logging.getLogger(__name__)
_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")
FILE = "topics.json"
MAX_PARTITIONS = 10_000


@dataclass(frozen=True, slots=True)
class TopicEntry:
    """A topic as the file keeps it; the id is 32 hexadecimal digits."""

    name: str
    id: str
    partitions: int
    configs: dict[str, str]

    def directories(self, data_dir: Path) -> list[Path]:
        """Return the directories of its partitions, in order."""
        return [data_dir / f"{self.name}-{index}" for index in range(self.partitions)]


class Topic:
    """A topic that is being served; `waiting` has the fetches that wait for its records."""

    def __init__(self, entry: TopicEntry, partitions: list[Partition]) -> None:
        self.entry = entry
        self.id = UUID(entry.id)
        self.partitions: list[Partition] = []
        self.waiting: set[Fetch] = set()
        self.take(partitions)

    def take(self, added: list[Partition]) -> None:
        """Serve more partitions; who waits for the topic hears of their records, too."""
        for partition in added:
            partition.waiting = self.waiting
        self.partitions += added


def read_entries(data_dir: Path) -> tuple[list[TopicEntry], list[TopicEntry]]:
    """Return the topics of a data directory, and those whose deletion had begun."""
    path = data_dir / FILE
    try:
        content = json.loads(path.read_bytes())
        return (
            [TopicEntry(**entry) for entry in content["topics"]],
            [TopicEntry(**entry) for entry in content["deleting"]],
        )
    except FileNotFoundError:
        return [], []
    except (ValueError, TypeError, KeyError) as error:
        raise BrokerError(
            f"{path} does not say which topics there are ({error}): restore it from a copy."
        ) from error


class Topics:
    """All topics, by name; creating and deleting survive a crash at any point."""

    def __init__(self, data_dir: Path, disk: Disk) -> None:
        self._data_dir = data_dir
        self._disk = disk
        self._deleting: list[TopicEntry] = []
        self._changing = asyncio.Lock()
        self.by_name: dict[str, Topic] = {}

    def open(self) -> None:
        """Open every log; raises `LogDamaged` or `BrokerError` if one is not as it must be."""
        entries, self._deleting = read_entries(self._data_dir)
        if self._deleting:
            self._finish_deleting(entries)
        for entry in entries:
            for directory in entry.directories(self._data_dir):
                if not directory.is_dir():
                    raise BrokerError(
                        f"Topic {entry.name} has lost its directory {directory}: "
                        "restore it from a copy."
                    )
            self.by_name[entry.name] = self._serve(entry)
        power_loss.served_now(self._data_dir)

    def _serve(self, entry: TopicEntry) -> Topic:
        return Topic(entry, self._partitions(entry))

    def _partitions(self, entry: TopicEntry, first: int = 0) -> list[Partition]:
        """Open the logs of a topic from the partition `first` on."""
        settings = topic_config.log_settings(entry.configs)
        now_ms = utc_micros() // 1000
        directories = list(enumerate(entry.directories(self._data_dir)))[first:]
        logs = [(index, open_log(path, settings, now_ms)) for index, path in directories]
        served = [Partition(entry.name, index, log, self._disk) for index, log in logs]
        for partition in served:
            self._disk.opened(partition.log, partition.name, partition.log.read_at_start)
        return served

    def named(self, name: str) -> Topic:
        """Return a topic; raises `ProtocolError` if there is none."""
        found = self.by_name.get(name)
        if found is None:
            raise ProtocolError(Code.UNKNOWN_TOPIC_OR_PARTITION, f"there is no topic {name}")
        return found

    def partition(self, topic: str, index: int) -> Partition:
        """Return a partition; raises `ProtocolError` if there is none."""
        found = self.by_name.get(topic)
        if found is None or not 0 <= index < len(found.partitions):
            raise ProtocolError(
                Code.UNKNOWN_TOPIC_OR_PARTITION, f"there is no partition {topic}[{index}]"
            )
        return found.partitions[index]

    def check(
        self, name: str, partitions: int, replicas: int, configs: Mapping[str, str | None]
    ) -> TopicEntry:
        """Return the entry of a topic that could be created; −1 stands for the defaults."""
        if not _NAME.fullmatch(name) or name in {".", ".."}:
            raise ProtocolError(
                Code.INVALID_TOPIC_EXCEPTION,
                f"{name!r} is no topic name: 1 … 249 of the characters a-z A-Z 0-9 . _ -",
            )
        if name in self.by_name:
            raise ProtocolError(Code.TOPIC_ALREADY_EXISTS, f"topic {name} exists already")
        alike = [t for t in self.by_name if t.replace(".", "_") == name.replace(".", "_")]
        if alike:
            raise ProtocolError(
                Code.INVALID_TOPIC_EXCEPTION, f"{name} differs from {alike[0]} only by . and _"
            )
        if partitions == -1:
            partitions = 1
        if not 1 <= partitions <= MAX_PARTITIONS:
            raise ProtocolError(
                Code.INVALID_PARTITIONS, f"{partitions} partitions, allowed 1 … {MAX_PARTITIONS}"
            )
        if replicas not in {-1, 1}:
            raise ProtocolError(
                Code.INVALID_REPLICATION_FACTOR, f"{replicas} replicas, this is a single broker"
            )
        return TopicEntry(name, fresh_id(), partitions, topic_config.validate(configs))

    async def create(self, entry: TopicEntry) -> Topic:
        """Create the logs, then the entry: a topic that is listed has its directories."""
        async with self._changing:
            if entry.name in self.by_name:
                raise ProtocolError(Code.TOPIC_ALREADY_EXISTS, f"topic {entry.name} exists already")
            self._make(entry, entry.directories(self._data_dir))
            self._write([*(other.entry for other in self.by_name.values()), entry])
            topic = self.by_name[entry.name] = self._serve(entry)
        _LOG.info("created topic %s with %d partitions", entry.name, entry.partitions)
        return topic

    def _make(self, entry: TopicEntry, directories: list[Path]) -> None:
        settings = topic_config.log_settings(entry.configs)
        for directory in directories:
            _clear_leftover(directory)
            PartitionLog.create(directory, settings).close()
            files.sync_directory(directory)
        files.sync_directory(self._data_dir)

    def check_growth(self, name: str, partitions: int) -> Topic:
        """Return a topic that may grow to so many partitions; raises `ProtocolError`."""
        topic = self.named(name)
        present = len(topic.partitions)
        if not present < partitions <= MAX_PARTITIONS:
            raise ProtocolError(
                Code.INVALID_PARTITIONS,
                f"{name} has {present} partitions, which can become {present + 1} … "
                f"{MAX_PARTITIONS}, not {partitions}",
            )
        return topic

    async def grow(self, name: str, partitions: int) -> None:
        """Add partitions: first their logs, then the entry."""
        async with self._changing:
            topic = self.check_growth(name, partitions)
            entry = replace(topic.entry, partitions=partitions)
            present = len(topic.partitions)
            self._make(entry, entry.directories(self._data_dir)[present:])
            added = self._partitions(entry, present)
            before, topic.entry = topic.entry, entry
            try:
                self._write()
            except OSError:
                topic.entry = before
                for partition in added:
                    partition.log.close()
                raise
            topic.take(added)
        _LOG.info("topic %s has %d partitions now", name, partitions)

    async def alter(self, name: str, changes: Iterable[Alteration]) -> None:
        """Change the settings of a topic; they count when they are on the disk."""
        async with self._changing:
            topic = self.named(name)
            configs = alterations.altered(topic.entry.configs, changes)
            before, topic.entry = topic.entry, replace(topic.entry, configs=configs)
            try:
                self._write()
            except OSError:
                topic.entry = before
                raise
            for partition in topic.partitions:
                partition.obey(topic_config.log_settings(configs))
        _LOG.info("settings of topic %s: %s", name, configs)

    async def delete(self, name: str) -> None:
        """Delete a topic and its records."""
        async with self._changing:
            topic = self.named(name)
            others = [other.entry for other in self.by_name.values() if other is not topic]
            self._write(others, [*self._deleting, topic.entry])
            self._deleting.append(topic.entry)
            del self.by_name[name]
            for partition in topic.partitions:
                await partition.abandon()
            # a checkpoint that is under way must not write into a directory made anew
            await self._disk.idle()
            self._finish_deleting([t.entry for t in self.by_name.values()])
        _LOG.info("deleted topic %s", name)

    def _finish_deleting(self, entries: list[TopicEntry]) -> None:
        for entry in self._deleting:
            for directory in entry.directories(self._data_dir):
                shutil.rmtree(directory, ignore_errors=True)
        self._deleting = []
        self._write(entries)

    def _write(
        self, entries: list[TopicEntry] | None = None, deleting: list[TopicEntry] | None = None
    ) -> None:
        """Write topics down, those that are served if no others are given."""
        if entries is None:
            entries = [topic.entry for topic in self.by_name.values()]
        content = {
            "topics": [asdict(entry) for entry in entries],
            "deleting": [asdict(entry) for entry in deleting or self._deleting],
        }
        files.replace(self._data_dir / FILE, json.dumps(content, indent=1).encode())

    async def close(self) -> None:
        """Put every record on the disk, tell its producers, and close all files."""
        await self._disk.idle()
        for topic in self.by_name.values():
            for partition in topic.partitions:
                await partition.close()
                partition.log.close()


def _clear_leftover(directory: Path) -> None:
    """Remove what a creation left that was interrupted before its topic was listed."""
    if not directory.exists():
        return
    if any(path.stat().st_size for path in directory.glob("*.log")):
        raise ProtocolError(
            Code.KAFKA_STORAGE_ERROR,
            f"{directory} holds records of a topic that is not listed: move it away first",
        )
    shutil.rmtree(directory)
