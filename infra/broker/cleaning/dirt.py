"""Whether a compacted log is dirty enough to be cleaned, and which of its segments may be."""

from collections.abc import Sequence

from infra.broker.cleaning.compaction import Task
from infra.broker.storage.log import PartitionLog
from infra.broker.storage.segment import Segment


def task_for(log: PartitionLog, segments: Sequence[Segment], now_ms: int) -> Task | None:
    """Return what is to be compacted now of closed `segments`, null if it is too little.

    As in Kafka: more than `min.cleanable.dirty.ratio` of the bytes are new since the last time, or
    a record is older than `max.compaction.lag.ms`; never one younger than `min.compaction.lag.ms`.
    """
    settings = log.settings
    dirty_from = max(log.boundaries.clean_below, log.start_offset)
    clean = [s for s in segments if s.next_offset <= dirty_from]
    dirty = _old_enough(segments[len(clean) :], now_ms - settings.min_compaction_lag_ms)
    new = sum(segment.size for segment in dirty)
    if not new:
        return None
    oldest = next(segment for segment in dirty if segment.size)
    overdue = now_ms - oldest.first_timestamp > settings.max_compaction_lag_ms
    ratio = new / (new + sum(segment.size for segment in clean))
    if not overdue and ratio <= settings.min_cleanable_dirty_ratio:
        return None
    end = dirty[-1].next_offset
    # of all segments: a marker may lie in the one that is written
    aborted = [a for s in log.segments for a in s.aborted.overlapping(dirty_from, end)]
    return Task(
        directory=str(log.directory),
        bases=tuple(segment.base_offset for segment in [*clean, *dirty]),
        end=end,
        first_dirty=dirty_from,
        last_batches=tuple(log.producers.last_batches()),
        segment_bytes=settings.segment_bytes,
        index_interval_bytes=settings.index_interval_bytes,
        delete_retention_ms=settings.delete_retention_ms,
        now_ms=now_ms,
        aborted=tuple(aborted),
    )


def _old_enough(segments: Sequence[Segment], newest_ms: int) -> list[Segment]:
    found = []
    for segment in segments:
        if segment.size and segment.age_from() > newest_ms:
            break
        found.append(segment)
    return found
