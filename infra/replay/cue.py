"""A place in the one order of a replay, to begin or end at."""

from typing import NamedTuple

from infra.log.reading import Message, Place

_FIRST: Place = ("", -1)


class Cue(NamedTuple):
    """The first record of an order whose rank (merge time, partition, offset) is not below this.

    `time` is in µs UTC. Without a partition, it is the first record of that time or later.
    """

    time: int
    place: Place = _FIRST
    offset: int = -1


def cue_of(time: int, message: Message) -> Cue:
    """Return the cue of a message with its merge time: where exactly this one comes."""
    return Cue(time, (message.topic(), message.partition()), message.offset())
