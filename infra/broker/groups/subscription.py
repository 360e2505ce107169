"""What consumers say about themselves when they join: the only part of it that the broker reads."""

import struct

from infra.broker.errors import MalformedFrame
from infra.broker.protocol.wire import Reader

PROTOCOL_TYPE = "consumer"


def topics_of(metadata: bytes) -> frozenset[str] | None:
    """Return the topics that a consumer subscribes to; null where the metadata is another form.

    They stand first in every version of the consumer protocol.
    """
    reader = Reader(memoryview(metadata))
    try:
        reader.i16()  # version
        return frozenset(reader.string() for _ in range(reader.i32()))
    except (MalformedFrame, struct.error, UnicodeDecodeError):
        return None
