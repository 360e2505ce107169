"""Which event is it: what two recordings share is found by content."""

from hashlib import blake2b
from typing import Final

from schemas.events.tcs import TcsEvent

DIGEST_BYTES: Final = 16


def event_digest(event: TcsEvent) -> bytes:
    """Return a digest of an event's content, equal for equal events whatever file they came from.

    The order of the names does not count, nor which of the many NaNs a value is; 1, 1.0 and true
    differ, as do 0.0 and -0.0. It is for comparing within one process and is stored nowhere.
    """
    content = (
        event.data_time,
        event.wire_time,
        event.system,
        event.source,
        event.key,
        event.more_data,
        sorted(event.values.items()),
        sorted(event.original_text.items()),
    )
    return blake2b(ascii(content).encode(), digest_size=DIGEST_BYTES).digest()
