"""Answers to DeleteRecords and OffsetForLeaderEpoch, which ask for the ends of logs."""

from typing import Any

from infra.broker.cleaning import trimming
from infra.broker.errors import Code, ProtocolError
from infra.broker.storage.batch import LEADER_EPOCH
from infra.broker.storage.disk import Disk
from infra.broker.storage.topics import Topics

Values = dict[str, object]


async def delete_records(topics: Topics, disk: Disk, request: Any) -> Values:
    """Move the starts of logs forward; the answer comes when the new starts are on the disk."""
    answers = []
    for topic in request.topics:
        rows = [await _deleted(topics, disk, topic.name, row) for row in topic.partitions]
        answers.append({"name": topic.name, "partitions": rows})
    return {"topics": answers}


async def _deleted(topics: Topics, disk: Disk, topic: str, asked: Any) -> Values:
    error, start = Code.NONE, -1
    try:
        partition = topics.partition(topic, asked.partition_index)
        start = await disk.to_its_end(trimming.delete_records(partition, asked.offset))
    except ProtocolError as refused:
        error = refused.code
    except OSError:
        error = Code.KAFKA_STORAGE_ERROR
    return {"partition_index": asked.partition_index, "low_watermark": start, "error_code": error}


def offset_for_leader_epoch(topics: Topics, request: Any) -> Values:
    """Tell where an epoch ends: there is one, and it ends where its log does."""
    return {
        "topics": [
            {"topic": t.topic, "partitions": [_epoch_end(topics, t.topic, p) for p in t.partitions]}
            for t in request.topics
        ]
    }


def _epoch_end(topics: Topics, topic: str, asked: Any) -> Values:
    answer: Values = {
        "partition": asked.partition,
        "error_code": Code.NONE,
        "leader_epoch": -1,
        "end_offset": -1,
    }
    try:
        log = topics.partition(topic, asked.partition).log
    except ProtocolError as refused:
        return answer | {"error_code": refused.code}
    if asked.current_leader_epoch > LEADER_EPOCH:
        return answer | {"error_code": Code.UNKNOWN_LEADER_EPOCH}
    if asked.leader_epoch != LEADER_EPOCH:
        return answer
    return answer | {"leader_epoch": LEADER_EPOCH, "end_offset": log.high_watermark}
