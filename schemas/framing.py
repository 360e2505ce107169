"""The Confluent wire format: `00`, the schema id as big-endian int32, then plain Avro."""

import struct

from schemas.errors import EvctlError

HEADER = struct.Struct(">bI")
HEADER_SIZE = HEADER.size


class NotFramed(EvctlError):
    """A record's value does not begin with the Confluent wire format."""

    def __init__(self, start: bytes) -> None:
        super().__init__(
            f"The value begins with {start[:HEADER_SIZE].hex(' ') or 'nothing'}, not with 00 and a "
            "four-byte schema id (Confluent wire format): it was not written by an Avro producer."
        )
        self.start = start


def prefix(schema_id: int) -> bytes:
    """Return the five bytes that go before the Avro of a record."""
    return HEADER.pack(0, schema_id)


def schema_id_of(value: bytes | None) -> int:
    """Return the schema id of a framed value; raise `NotFramed`."""
    if value is None or len(value) < HEADER_SIZE or value[0] != 0:
        raise NotFramed((value or b"")[:HEADER_SIZE])
    return int.from_bytes(value[1:HEADER_SIZE], "big")
