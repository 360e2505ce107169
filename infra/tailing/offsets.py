"""From where to where a topic is read, in offsets."""

from collections.abc import Iterable, Mapping, Sequence

from confluent_kafka import Consumer, TopicPartition

from infra.log.cluster import ANSWER_TIMEOUT_S, Cluster
from infra.log.reading import Place, Span
from infra.tailing.errors import NoSuchPartition, OffsetNotThere, WhichPartition


def places(name: str, partitions: int, partition: int | None) -> Sequence[Place]:
    """Return the partitions to read: all, or the one asked for; raise `NoSuchPartition`."""
    if partition is None:
        return [(name, number) for number in range(partitions)]
    if partition >= partitions:
        raise NoSuchPartition(name, partition, partitions)
    return [(name, partition)]


def from_offset(held: Mapping[Place, Span], offset: int, *, may_wait: bool) -> dict[Place, Span]:
    """Return the spans from an offset on; raise `WhichPartition`, `OffsetNotThere`.

    With `may_wait` the offset may be that of the next record to come.
    """
    if len(held) > 1:
        raise WhichPartition(next(iter(held))[0], len(held))
    place, (low, end) = next(iter(held.items()))
    if not low <= offset < end + may_wait:
        raise OffsetNotThere(place, offset, low, end)
    return {place: (offset, end)}


def from_time(cluster: Cluster, held: Mapping[Place, Span], time: int) -> dict[Place, Span]:
    """Return spans that hold every record of event time `time` (µs UTC) or later, and others.

    A Kafka timestamp is the event time cut to ms, and the log names the first offset whose
    timestamp is not before the one asked for; so none is missed, in whatever order they stand.
    """
    consumer = cluster.consumer()
    try:
        millis = max(time // 1000, 0)  # to Kafka, less than 0 means an end of the log
        found = _offsets_for(consumer, cluster, held, millis)
    finally:
        consumer.close()
    return {place: (min(max(found[place], low), end), end) for place, (low, end) in held.items()}


def _offsets_for(
    consumer: Consumer, cluster: Cluster, held: Mapping[Place, Span], millis: int
) -> dict[Place, int]:
    asked = [TopicPartition(*place, millis) for place in held]
    answer: Iterable[TopicPartition] = cluster.ask(
        lambda: consumer.offsets_for_times(asked, timeout=ANSWER_TIMEOUT_S)
    )
    offsets = {(at.topic, at.partition): at.offset for at in answer}
    return {
        place: end if offsets[place] < 0 else offsets[place] for place, (_, end) in held.items()
    }
