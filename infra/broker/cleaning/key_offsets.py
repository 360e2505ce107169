"""Which record of a key is the newest one, for compaction."""

from bisect import bisect_right
from collections.abc import Iterable
from hashlib import blake2b
from operator import itemgetter

from infra.broker.storage import batch as batches
from infra.broker.storage.aborted import Aborted
from infra.broker.storage.batch import BatchHeader, InvalidBatch
from infra.broker.storage.records import Record, records

_LONGEST_KEY = 32  # longer ones are kept as digests, which are longer than any key kept as it is


class KeyOffsets:
    """Offsets of the newest record of each key, of all batches taken in.

    Records of a transaction count unless it is among the `aborted`, which outdate nothing: no
    transaction is open in what is compacted, wherever its marker lies.
    """

    def __init__(self, aborted: Iterable[Aborted] = ()) -> None:
        self._newest: dict[bytes, int] = {}
        # producer → first and last offsets of its aborted transactions, which do not overlap
        self._aborted: dict[int, list[tuple[int, int]]] = {}
        for one in sorted(aborted):
            rows = self._aborted.setdefault(one.producer_id, [])
            rows.append((one.first_offset, one.last_offset))

    def __len__(self) -> int:
        return len(self._newest)

    def take_in(self, batch: memoryview) -> None:
        """Take in an intact batch, in the order of the log; raises `InvalidBatch`."""
        header = batches.header_at(batch)
        if header.is_control or (header.is_transactional and self._is_aborted(header)):
            return
        for record in intact_records(batch):
            if record.key is not None:
                self._newest[_short(record.key)] = record.offset

    def _is_aborted(self, header: BatchHeader) -> bool:
        rows = self._aborted.get(header.producer_id, [])
        row = bisect_right(rows, header.last_offset, key=itemgetter(0)) - 1
        return row >= 0 and header.last_offset < rows[row][1]

    def is_outdated(self, record: Record) -> bool:
        """Whether a newer record has the same key; one without a key is of no use to anybody."""
        return record.key is None or record.offset < self._newest.get(_short(record.key), -1)


def intact_records(batch: memoryview) -> list[Record]:
    """Return the records of a batch; raises `InvalidBatch` for what can't be read as records."""
    try:
        return list(records(batch))
    except IndexError:
        raise InvalidBatch("its records are not as Kafka writes them") from None


def _short(key: bytes) -> bytes:
    if len(key) <= _LONGEST_KEY:
        return key
    return blake2b(key, digest_size=_LONGEST_KEY + 1).digest()
