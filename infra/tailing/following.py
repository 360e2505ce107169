"""What is appended while one looks."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from infra.log import codes, reading
from infra.log.cluster import Cluster
from infra.log.errors import LogTruncated
from infra.log.reading import Message, Place
from infra.signals import Stop
from schemas.record import Position

_BATCH = 1000
_LOOK_UP_S = 0.2


def following(
    cluster: Cluster,
    starts: Mapping[Place, int],
    stop: Stop,
    idle: Callable[[], None] = lambda: None,
) -> Iterator[list[Message]]:
    """Yield messages from the starts on, in batches as they come, until the wish to stop.

    Goes on when the log comes back where it was; `idle` is called while nothing comes. Raises
    `LogUnavailable` where it does not answer, `LogTruncated` where a record is gone before it was
    read.
    """
    consumer = cluster.consumer()
    try:
        consumer.assign([TopicPartition(*place, offset) for place, offset in starts.items()])
        while not stop.requested:
            got = [
                message
                for message in reading.consume(consumer, _BATCH, _LOOK_UP_S)
                if not _is_error(cluster, consumer, message)
            ]
            if got:
                cluster.answered()
                yield got
                continue
            idle()
            if cluster.down_since is not None:
                _ask(cluster, consumer, next(iter(starts)))
    finally:
        consumer.close()


def _ask(cluster: Cluster, consumer: Consumer, place: Place) -> None:
    """Find out whether a log that went away is back: one that is merely silent says nothing."""
    with suppress(KafkaException):
        if consumer.get_watermark_offsets(TopicPartition(*place), timeout=1.0) is not None:
            cluster.answered()
    cluster.check()


def _is_error(cluster: Cluster, consumer: Consumer, message: Message) -> bool:
    error = message.error()
    if error is None:
        return False
    code, place = error.code(), (message.topic(), message.partition())
    if code in {codes.AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}:
        low, _ = reading.span(consumer, cluster, place)
        raise LogTruncated(Position(*place, message.offset()), low)
    reading.pass_over(error, Position(*place, message.offset()), cluster)
    return True
