"""Moving the start of a log forward: first durably, then whole segments before it are removed."""

from dataclasses import replace
from functools import partial

from infra.broker.cleaning import retention, swap
from infra.broker.errors import Code, ProtocolError
from infra.broker.storage.partition import Partition
from infra.broker.storage.segment import Segment

_HIGH_WATERMARK = -1


async def delete_records(target: Partition, offset: int) -> int:
    """Delete the records before `offset`, −1 for all that readers see; returns the new start.

    Raises `ProtocolError` for an offset beyond the high watermark, and where the topic is only
    compacted.
    """
    if not target.log.settings.deletes:
        raise ProtocolError(
            Code.POLICY_VIOLATION, f"{target.topic} is compacted: it keeps the newest of each key"
        )
    async with target.cleaning:
        if target.broken:
            raise ProtocolError(Code.KAFKA_STORAGE_ERROR, f"{target.name} can't be changed")
        watermark = target.log.high_watermark
        wanted = watermark if offset == _HIGH_WATERMARK else offset
        if not 0 <= wanted <= watermark:
            raise ProtocolError(
                Code.OFFSET_OUT_OF_RANGE,
                f"records before {offset} can't be deleted, {target.name} ends at {watermark}",
            )
        await _begin_at(target, wanted)
        await _remove_before_start(target)
        return target.log.start_offset


async def retain(target: Partition, now_ms: int) -> None:
    """Delete what `retention.ms` and `retention.bytes` do not keep."""
    async with target.cleaning:
        if target.broken:
            return
        log = target.log
        start = retention.start_after(log, now_ms)
        if start == log.end_offset:
            log.roll()
        await _begin_at(target, start)
        await _remove_before_start(target)


async def _begin_at(target: Partition, offset: int) -> None:
    log = target.log
    if offset > log.start_offset:
        boundaries = replace(log.boundaries, log_start_offset=offset)
        await target.disk.run(partial(boundaries.write, log.directory))
        target.begin_at(boundaries)


def _before_start(target: Partition, segments: list[Segment]) -> list[Segment]:
    return [s for s in segments if s.next_offset <= target.log.start_offset]


async def _remove_before_start(target: Partition) -> None:
    log = target.log
    if not _before_start(target, log.segments[:-1]):
        return
    if log.has_rolled:
        await target.vouch()  # the producers of what is removed are in the checkpoint
    gone = _before_start(target, log.closed())
    log.drop(gone)
    await target.disk.run(partial(_remove, target, gone))


def _remove(target: Partition, gone: list[Segment]) -> None:
    swap.remove(target.log.directory, [segment.base_offset for segment in gone])
    for segment in gone:
        segment.close()  # here the system frees the blocks, which takes a while for large files
