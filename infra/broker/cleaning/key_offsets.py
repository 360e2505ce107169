"""Which record of a key is the newest one, for compaction."""

from hashlib import blake2b

from infra.broker.storage import batch as batches
from infra.broker.storage.batch import InvalidBatch
from infra.broker.storage.records import Record, records

_LONGEST_KEY = 32  # longer ones are kept as digests, which are longer than any key kept as it is
_COMMIT = b"\x00\x01"


class KeyOffsets:
    """Offsets of the newest record of each key, of all batches taken in.

    Records of a transaction count once it has committed; an aborted one outdates nothing.
    """

    def __init__(self) -> None:
        self._newest: dict[bytes, int] = {}
        self._undecided: dict[int, list[tuple[bytes, int]]] = {}  # producer → its keys and offsets

    def __len__(self) -> int:
        return len(self._newest)

    @property
    def undecided_from(self) -> int | None:
        """Offset of the first record whose transaction's end was not taken in; null if none."""
        return min((found[0][1] for found in self._undecided.values() if found), default=None)

    def take_in(self, batch: memoryview) -> None:
        """Take in an intact batch, in the order of the log; raises `InvalidBatch`."""
        header = batches.header_at(batch)
        found = [(_short(r.key), r.offset) for r in intact_records(batch) if r.key is not None]
        if header.is_control:
            decided = self._undecided.pop(header.producer_id, [])
            if any(key[2:4] == _COMMIT for key, _ in found):
                for key, offset in decided:
                    self._newest[key] = max(offset, self._newest.get(key, -1))
        elif header.is_transactional:
            self._undecided.setdefault(header.producer_id, []).extend(found)
        else:
            self._newest.update(found)

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
