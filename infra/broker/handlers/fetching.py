"""Fetch: what there is at once, and fetches that wait for it.

A client that follows many partitions lists all of them in each fetch (librdkafka keeps no fetch
sessions), mostly to be told that there is nothing. So a row costs little: partitions without news
are found by one comparison, and their answers lie packed.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from infra.broker.errors import Code, ProtocolError
from infra.broker.handlers.data import READ_COMMITTED, Parts
from infra.broker.protocol import codec_data
from infra.broker.protocol.codec_data import Fetched, FetchRequest, FetchRow
from infra.broker.storage.aborted import Aborted

if TYPE_CHECKING:
    from infra.broker.protocol.limits import Limits
    from infra.broker.storage.partition import Partition
    from infra.broker.storage.topics import Topics

_LOG = logging.getLogger(__name__)
_NONE_ABORTED: Sequence[Aborted] = ()
_CEILING = 64 << 20  # bytes of one answer, whatever the client allows
_LONGEST_WAIT_MS = 300_000
_WIDE = 16  # rows of a fetch above which it gathers what comes within …
_GATHER_S = 0.001  # … since its answer costs more than what it brings


def fetch(
    topics: "Topics", limits: "Limits", version: int, body: memoryview
) -> "Parts | asyncio.Future[Parts]":
    """Read batches; where there are too few, wait for an append or the client's limit."""
    asked = Fetch(topics, limits, version, codec_data.read_fetch(version, body))
    return asked.at_once() or asked.later()


class Fetch:
    """One fetch request, and its answer in the making."""

    def __init__(
        self, topics: "Topics", limits: "Limits", version: int, request: FetchRequest
    ) -> None:
        self._request = request
        self._limits = limits
        self._all = topics
        self._version = version
        self._topics = [(name, topics.by_name.get(name), rows) for name, rows in request.topics]
        self._rows = sum(len(rows) for _, _, rows in self._topics)
        self._due = False

    def at_once(self) -> Parts | None:
        """Return the answer if there is enough, or if the client does not wait; null otherwise."""
        waits = self._request.max_wait_ms > 0
        if waits and not self._has_news():
            return None
        parts, enough = self._collect()
        return parts if enough or not waits else None

    def _has_news(self) -> bool:
        """Whether any row has records or an error to be told."""
        kind = self._request.isolation
        for _, topic, rows in self._topics:
            if topic is None:
                return True
            partitions, known = topic.partitions, len(topic.partitions)
            for index, offset, _ in rows:
                if not 0 <= index < known or partitions[index].bounds[kind] != offset:
                    return True
        return not self._rows

    def later(self) -> asyncio.Future[Parts]:
        """Return the future of the answer, which an append or the client's limit completes."""
        loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[Parts] = loop.create_future()
        wait_ms = min(self._request.max_wait_ms, _LONGEST_WAIT_MS)
        timer = loop.call_later(wait_ms / 1000, self._settle, True)
        for _, topic, _ in self._topics:
            if topic is not None:
                topic.waiting.add(self)
        self._answer.add_done_callback(lambda _: self._forget(timer))
        return self._answer

    def _forget(self, timer: asyncio.TimerHandle) -> None:
        timer.cancel()
        for _, topic, _ in self._topics:
            if topic is not None:
                topic.waiting.discard(self)

    def notify(self, partition: "Partition") -> None:
        """Take note of new records in a partition of a topic that is asked for."""
        if self._due or not self._asks_for(partition):
            return
        self._due = True
        loop = asyncio.get_running_loop()
        if self._rows > _WIDE:
            loop.call_later(_GATHER_S, self._settle)
        else:
            loop.call_soon(self._settle)

    def _asks_for(self, partition: "Partition") -> bool:
        for name, topic, rows in self._topics:
            if name == partition.topic and topic is not None:
                all_of_it = len(rows) == len(topic.partitions)
                return all_of_it or any(row[0] == partition.index for row in rows)
        return False

    def _settle(self, at_last: bool = False) -> None:
        """Answer if there is enough by now, or if the client's limit is over."""
        self._due = False
        if self._answer.done():
            return
        try:
            parts, enough = self._collect()
        except Exception as fault:  # noqa: BLE001  the connection logs it and ends
            self._answer.set_exception(fault)
            return
        if enough or at_last:
            self._answer.set_result(parts)

    def _collect(self) -> tuple[Parts, bool]:
        """Return the answer as it is now; the flag says that the client should have it at once."""
        self._size, self._refused = 0, False
        self._room = min(self._request.max_bytes, _CEILING, self._limits.answer_room)
        kind = self._request.isolation
        packing = codec_data.FetchPacking(self._version, kind)
        parts = packing.begin(len(self._topics))
        for name, topic, rows in self._topics:
            packing.topic(parts, name, len(rows))
            is_there = topic is not None and self._all.by_name.get(name) is topic
            partitions = topic.partitions if topic is not None and is_there else []
            known = len(partitions)
            for row in rows:
                index = row[0]
                partition = partitions[index] if 0 <= index < known else None
                if partition is not None and partition.bounds[kind] == row[1]:
                    nothing = partition.nothing.get(packing.key)
                    parts.append(nothing or self._nothing(packing, partition))
                else:
                    packing.row(parts, self._read(name, partition, row))
            packing.end(parts)
        packing.end(parts)
        return parts, self._refused or self._size >= self._request.min_bytes

    def _nothing(self, packing: codec_data.FetchPacking, partition: "Partition") -> bytes:
        """Pack the row of a partition without news; it is kept until the partition moves."""
        packed: Parts = []
        packing.row(packed, Fetched(partition.index, Code.NONE, *partition.bounds))
        partition.nothing[packing.key] = b"".join(packed)
        return partition.nothing[packing.key]

    def _read(self, name: str, partition: "Partition | None", row: FetchRow) -> Fetched:
        index, offset, limit = row
        if partition is None:
            self._refused = True
            return Fetched(index, Code.UNKNOWN_TOPIC_OR_PARTITION)
        room = min(limit, self._room - self._size)
        try:
            records, aborted = b"", _NONE_ABORTED
            if room > 0 or not self._size:
                committed = self._request.isolation == READ_COMMITTED
                log = partition.log
                records = log.read(offset, room, at_least_one=not self._size, committed=committed)
                if committed and records:
                    aborted = log.aborted(offset, len(records))
        except ProtocolError as error:
            self._refused = True
            return Fetched(index, error.code)
        except OSError as error:
            self._refused = True
            _LOG.error("%s[%d]@%d can't be read: %s", name, index, offset, error)
            return Fetched(index, Code.KAFKA_STORAGE_ERROR)
        self._size += len(records)
        return Fetched(index, Code.NONE, *partition.bounds, records, aborted)
