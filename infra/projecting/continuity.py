"""Whether the log is still the one that a reader has read before."""

from typing import Protocol

from infra.log import reading
from infra.log.cluster import Cluster
from infra.log.errors import LogDiverged, LogTruncated
from infra.log.reading import Place, Span
from infra.log.topics import RealTopic
from schemas.record import Position, from_headers


class Standing(Protocol):
    """How far a reader has read a partition, and of which topic; see `PositionRow`."""

    @property
    def next_offset(self) -> int: ...
    @property
    def topic_id(self) -> str: ...
    @property
    def last_id(self) -> bytes | None: ...
    @property
    def last_offset(self) -> int | None: ...


def check(
    cluster: Cluster,
    place: Place,
    row: Standing,
    topic: RealTopic,
    on_log: Span,
) -> None:
    """Compare where a reader stands with the log, and raise `LogDiverged` or `LogTruncated`.

    The topic's id tells one made anew, the id of the last record applied a log that was cut and
    written on, and the offsets one that was cut or has lost its beginning.
    """
    low, end = on_log
    if row.next_offset > end:  # whoever wrote the row may have read on since the log was asked
        low, end = reading.whole(cluster, [place])[place]
    last = Position(*place, row.next_offset - 1)
    if row.topic_id != topic.id:
        raise LogDiverged(last, f"the topic {topic.id}", f"the topic {row.topic_id}")
    if row.next_offset > end:
        raise LogDiverged(last, f"only {end} records", f"{row.next_offset} records")
    if 0 < row.next_offset < low:  # a new reader begins where the log does
        raise LogTruncated(Position(*place, row.next_offset), low)
    if row.last_offset is None or row.last_offset < low:
        return
    found = _id_at(cluster, place, row.last_offset)
    if found != row.last_id:
        raise LogDiverged(
            Position(*place, row.last_offset),
            f"the record {_shown(found)}",
            f"the record {_shown(row.last_id)}",
        )


def _id_at(cluster: Cluster, place: Place, offset: int) -> bytes | None:
    for batch in reading.messages(cluster, {place: [(offset, offset + 1)]}):
        return from_headers(batch[0].headers(), Position(*place, offset)).id_bytes
    return None


def _shown(identity: bytes | None) -> str:
    return "nothing" if identity is None else identity.hex()
