"""Answers to Produce, ListOffsets and Metadata."""

import asyncio
import logging
from collections.abc import Coroutine
from uuid import UUID

from infra.broker.errors import Code, ProtocolError
from infra.broker.protocol import codec_data, codec_lookup
from infra.broker.protocol.codec_data import Produced
from infra.broker.protocol.codec_lookup import (
    Cluster,
    OffsetFound,
    OffsetQuery,
    TopicFound,
    TopicQuery,
)
from infra.broker.storage.topics import Topics

_LOG = logging.getLogger(__name__)
Parts = list[bytes]
Reply = Parts | Coroutine[None, None, Parts | None] | asyncio.Future[Parts] | None
_NO_ID = UUID(int=0)
_ACKS = {-1, 0, 1}
_END, _START, _LARGEST = -1, -2, -3
READ_COMMITTED = 1  # the isolation level that hides open and aborted transactions

Results = list[tuple[str, list[Produced]]]
Acks = dict[tuple[int, int], asyncio.Future[None]]
"""What is waited for, by the places of topic and partition in the results."""


def produce(topics: Topics, version: int, body: memoryview) -> Reply:
    """Append batches; the answer waits for the disk where a topic asks for it."""
    request = codec_data.read_produce(version, body)
    results: Results = []
    acks: Acks = {}
    for topic, partitions in request.topics:
        produced: list[Produced] = []
        for index, records in partitions:
            result, ack = _append(topics, topic, index, records, request.acks)
            if ack is not None:
                acks[len(results), len(produced)] = ack
            produced.append(result)
        results.append((topic, produced))
    if acks:
        return _when_synced(version, request.acks, results, acks)
    return codec_data.pack_produced(version, results) if request.acks else None


def _append(
    topics: Topics,
    topic: str,
    index: int,
    records: memoryview | None,
    acks: int,
) -> tuple[Produced, asyncio.Future[None] | None]:
    if acks not in _ACKS:
        refusal = f"acks={acks}, known are -1, 0 and 1"
        return Produced(index, Code.INVALID_REQUIRED_ACKS, message=refusal), None
    try:
        partition = topics.partition(topic, index)
    except ProtocolError as refused:
        return Produced(index, refused.code, message=refused.message), None
    if not records:
        refusal = "no batch of records in the request"
        return Produced(index, Code.INVALID_RECORD, message=refusal), None
    return partition.append(records)


async def _when_synced(version: int, acks: int, results: Results, waiting: Acks) -> Parts | None:
    outcomes = await asyncio.gather(*waiting.values(), return_exceptions=True)
    for (topic, place), outcome in zip(waiting, outcomes, strict=True):
        if isinstance(outcome, ProtocolError):
            produced = results[topic][1]
            index = produced[place].partition
            produced[place] = Produced(index, outcome.code, message=outcome.message)
    return codec_data.pack_produced(version, results) if acks else None


def list_offsets(topics: Topics, version: int, body: memoryview) -> Parts:
    """Look up start, end, or the first record at or after a time."""
    isolation, asked = codec_lookup.read_list_offsets(version, body)
    committed = isolation == READ_COMMITTED
    answers = [
        (name, [_find(topics, name, query, committed=committed) for query in queries])
        for name, queries in asked
    ]
    return codec_lookup.pack_list_offsets(version, answers)


def _find(topics: Topics, topic: str, query: OffsetQuery, *, committed: bool) -> OffsetFound:
    try:
        log = topics.partition(topic, query.partition).log
        if query.timestamp == _END:
            end = log.last_stable_offset if committed else log.high_watermark
            return OffsetFound(query.partition, Code.NONE, -1, end)
        if query.timestamp == _START:
            return OffsetFound(query.partition, Code.NONE, -1, log.start_offset)
        largest = query.timestamp == _LARGEST
        if largest:
            found = log.latest_timestamp(committed=committed)
        else:
            found = log.first_at(query.timestamp, committed=committed)
    except ProtocolError as refused:
        return OffsetFound(query.partition, refused.code)
    except OSError as error:
        _LOG.error("%s[%d] can't be read: %s", topic, query.partition, error)
        return OffsetFound(query.partition, Code.KAFKA_STORAGE_ERROR)
    return OffsetFound(query.partition, Code.NONE, *(found or (-1, -1)))


def metadata(topics: Topics, cluster: Cluster, version: int, body: memoryview) -> Parts:
    """Tell of the one node and of topics; a topic that does not exist is not created."""
    queries = codec_lookup.read_metadata(version, body)
    if queries is None:
        queries = [TopicQuery(name, None) for name in topics.by_name]
    by_id = {topic.id: topic for topic in topics.by_name.values()}
    answers = []
    for name, topic_id in queries:
        topic = topics.by_name.get(name) if name is not None else by_id.get(topic_id or _NO_ID)
        if topic is not None:
            answers.append(TopicFound(Code.NONE, topic.entry.name, topic.id, len(topic.partitions)))
        elif name is not None:
            answers.append(TopicFound(Code.UNKNOWN_TOPIC_OR_PARTITION, name, _NO_ID, 0))
        else:
            answers.append(TopicFound(Code.UNKNOWN_TOPIC_ID, None, topic_id or _NO_ID, 0))
    return codec_lookup.pack_metadata(version, cluster, answers)
