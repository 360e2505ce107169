"""Portions of what a consumer reads: so many messages, so many bytes, or so much time at most.

librdkafka bounds what it has fetched before it is decompressed; this bounds what we hold.
"""

from time import monotonic
from typing import cast

from confluent_kafka import Consumer

from infra.log.reading import Message

MOST_BYTES = 32 << 20
"""Of values, in a portion that another message would still join."""

_USUAL = 64 << 10
"""Bytes that a value is taken to have at the most, until a larger one comes."""


def portion(
    consumer: Consumer, most: int, timeout: float, most_bytes: int = MOST_BYTES
) -> list[Message]:
    """Return messages until there are `most`, or of so many bytes, or `timeout` s have passed.

    At least one if there is any; a portion is larger than `most_bytes` only by values larger than
    all before them.
    """
    got: list[Message] = []
    size, largest, deadline = 0, _USUAL, monotonic() + timeout
    while True:
        first = consumer.poll(max(0.0, deadline - monotonic()))
        new = [] if first is None else cast("list[Message]", [first])
        while new:
            got += new
            size += sum(map(len, new))
            largest = max(largest, *map(len, new))
            room = min(most - len(got), (most_bytes - size) // largest)
            new = cast("list[Message]", consumer.consume(room, 0)) if room > 0 else []
        if len(got) >= most or size + largest > most_bytes or monotonic() >= deadline:
            return got
