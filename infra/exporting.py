"""A night written back to a recording."""

from collections.abc import Callable
from dataclasses import dataclass

from infra.log import reading
from infra.log.cluster import Cluster
from infra.log.decoding import Decoder
from infra.log.registry import Registry
from infra.signals import Stop
from infra.windows import Window
from producers import Entry, RecordingWriter
from schemas.events.tcs import TcsEvent
from schemas.repeats import Repeats


class Stopped(Exception):
    """The user ended an export; nothing was written."""


@dataclass(slots=True)
class Exported:
    """How many events were written, and how many records are of no kind that a recording holds."""

    events: int = 0
    left_out: int = 0


def export(
    cluster: Cluster,
    registry: Registry,
    window: Window,
    writer: RecordingWriter,
    stop: Stop,
    advance: Callable[[int], None],
) -> Exported:
    """Write the TCS events of a window in the log's order, each with its id.

    The file is whole or not there: raises `Stopped` if the user ends it, `Undecodable` for a
    record that can't be read.
    """
    decode, repeats, done = Decoder(registry).record, Repeats(), Exported()
    with writer:
        for batch in reading.messages(cluster, window.ranges):
            if stop.requested:
                raise Stopped
            for message in batch:
                record = decode(message)
                if repeats.has(record) or not window.holds(record.time):
                    continue
                if isinstance(record.event, TcsEvent):
                    writer.add(Entry(record.event, record.id, record.position.offset))
                    done.events += 1
                else:
                    done.left_out += 1
            advance(len(batch))
    return done
