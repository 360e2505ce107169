"""Which recording is it, and which event: digests of content, the same in every format.

The content of an event is its Avro encoding with the names in sorted order. A recording's name is
the source of its records for ever: another encoding needs another prefix.
"""

import math
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

from producers import Recording
from schemas.avro import writer
from schemas.events.tcs import TcsEvent

PREFIX: Final = "rec."
DIGEST_BYTES: Final = 16

_encode = writer(TcsEvent)


def canonical(event: TcsEvent) -> bytes:
    """Return the event's Avro encoding (without framing) with the names in sorted order.

    It may go into the log as it is, so that an import encodes each event once.
    """
    return _encode(
        TcsEvent(
            event.data_time,
            event.wire_time,
            event.system,
            event.source,
            event.key,
            event.more_data,
            {name: _one_nan(value) for name, value in sorted(event.values.items())},
            dict(sorted(event.original_text.items())),
        )
    )


def _one_nan(value: Any) -> Any:
    """Return the value, any of the many NaNs as the usual one: a recording says only `NaN`."""
    if isinstance(value, float):
        return math.nan if math.isnan(value) else value
    return [_one_nan(item) for item in value] if isinstance(value, list | tuple) else value


def event_digest(event: TcsEvent) -> bytes:
    """Return the digest of one event's content, 16 bytes: equal where two recordings overlap."""
    return encoded_digest(canonical(event))


def encoded_digest(encoded: bytes) -> bytes:
    """Return the digest of an event that `canonical` has encoded."""
    return blake2b(encoded, digest_size=DIGEST_BYTES).digest()


class ContentDigest:
    """The digest of a recording's entries, added one by one in their order."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=DIGEST_BYTES)

    def add(self, encoded: bytes, given_id: UUID | None) -> None:
        """Add an entry, encoded by `canonical`."""
        # an encoding shows its own end, and the byte after it whether an id follows
        self._hash.update(encoded + (b"\x00" if given_id is None else b"\x01" + given_id.bytes))

    def source(self) -> str:
        """Return the name of the recording as a source of records."""
        return PREFIX + self._hash.hexdigest()


def content_digest(recording: Recording) -> str:
    """Return the name of a recording as a source of records; reads it whole."""
    digest = ContentDigest()
    for event, given_id, _ in recording.entries():
        digest.add(canonical(event), given_id)
    return digest.source()
