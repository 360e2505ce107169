"""Transaction markers: the control batches that end a producer's transaction in a partition."""

from struct import Struct

from crc32c import crc32c

from infra.broker.storage.aborted import Aborted
from infra.broker.storage.batch import HEADER, HEADER_SIZE, BatchHeader
from infra.broker.storage.producers import Producers
from infra.broker.storage.segment import Segment

_ATTRIBUTES = 0x30  # control and transactional
_ABORT, _COMMIT = 0, 1
_COORDINATOR_EPOCH = 0  # a single coordinator, which nobody replaces
# length, attributes, timestamp and offset delta, length of the key; version and type
_KEY = Struct(">bbbbbhh")
# length of the value; version and coordinator epoch; number of headers
_VALUE = Struct(">bhib")
MARKER_SIZE = HEADER_SIZE + _KEY.size + _VALUE.size  # 78 bytes


def marker(producer_id: int, epoch: int, *, commit: bool, now_ms: int) -> bytearray:
    """Return the batch that commits or aborts the open transaction of a producer."""
    kind = _COMMIT if commit else _ABORT
    # lengths are zig-zag numbers: twice what they count
    record = _KEY.pack(2 * (MARKER_SIZE - HEADER_SIZE - 1), 0, 0, 0, 2 * 4, 0, kind)
    record += _VALUE.pack(2 * 6, 0, _COORDINATOR_EPOCH, 0)
    fields = (_ATTRIBUTES, 0, now_ms, now_ms, producer_id, epoch, -1, 1)
    batch = bytearray(HEADER.pack(0, MARKER_SIZE - 12, 0, 2, 0, *fields) + record)
    batch[17:21] = crc32c(batch[21:]).to_bytes(4, "big")
    return batch


def is_commit(batch: bytes | bytearray | memoryview, header: BatchHeader) -> bool | None:
    """Whether a batch is a marker that commits, false for one that aborts, null for neither."""
    if not (header.is_control and header.is_transactional and header.record_count == 1):
        return None
    kind = _KEY.unpack_from(batch, HEADER_SIZE)[-1]
    return None if kind not in {_ABORT, _COMMIT} else kind == _COMMIT


def note(
    segment: Segment, producers: Producers, header: BatchHeader, *, commit: bool, now_ms: int
) -> None:
    """Take account of a marker that lies in `segment`."""
    ended = producers.end(header, now_ms)
    if ended is not None and not commit:
        segment.aborted.append(
            Aborted(
                header.producer_id,
                ended.first_offset,
                header.base_offset,
                ended.last_stable_offset,
            )
        )
