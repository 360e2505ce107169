"""Which records are too old or too many for their topic."""

from infra.broker.storage.log import PartitionLog
from infra.broker.storage.segment import Segment


def start_after(log: PartitionLog, now_ms: int) -> int:
    """Return the offset at which the log begins once `retention.ms` and `.bytes` are obeyed.

    Whole segments go, oldest first, up to the first one that is neither too old nor too much. It is
    the end of the log if all of it is to go.
    """
    settings = log.settings
    start = log.start_offset
    if not settings.deletes:
        return start
    excess = log.size - settings.retention_bytes if settings.retention_bytes >= 0 else -1
    for segment in log.segments:
        is_last = segment is log.segments[-1]
        if segment.next_offset > log.last_stable_offset or (is_last and not segment.size):
            break
        too_much = excess >= segment.size
        if segment.size and not too_much and not _too_old(log, segment, now_ms):
            break
        excess -= segment.size
        start = max(start, segment.next_offset)
    return start


def _too_old(log: PartitionLog, segment: Segment, now_ms: int) -> bool:
    kept_ms = log.settings.retention_ms
    return kept_ms >= 0 and now_ms - segment.age_from() > kept_ms
