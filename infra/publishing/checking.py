"""From input to records: each fits its topic, or is refused by its place and its field."""

from collections.abc import Iterable, Iterator

from infra.log.errors import RecordTooLarge
from infra.publishing.errors import RecordRefused
from infra.publishing.records import Encoded, Encoder, Item
from schemas.errors import EvctlError
from schemas.framing import HEADER_SIZE
from schemas.topics import Topic

_ENVELOPE = 1024 + HEADER_SIZE
"""Bytes of a topic's size limit that are not the Avro's and the key's: batch header, headers."""


def checked(items: Iterable[Item], encoder: Encoder, topic: Topic, name: str) -> Iterator[Encoded]:
    """Yield the records of items for a topic, whose full name is `name`.

    Raises `RecordRefused` for the first that does not fit.
    """
    limit = topic.max_bytes - _ENVELOPE
    for item in items:
        try:
            record = encoder.encode(item)
            size = len(record.data) + len(record.key or "") * 4
            if size > limit:
                raise RecordTooLarge(name, size, limit)
        except EvctlError as fault:
            raise RecordRefused(item.where, fault) from fault
        yield record
